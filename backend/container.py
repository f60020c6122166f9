"""THE WIRING: settings to services, opened in order and closed in reverse."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from backend.cameras.arenas import share_arenas
from backend.cameras.doctor import CameraDoctor
from backend.cameras.finding import EVERYTHING, Finder, View
from backend.cameras.patience import Patience
from backend.cameras.schedule import Schedule
from backend.cameras.sighting_log import SightingLog, Tell, close_left_open
from backend.cameras.source import Hardware, VideoSource, open_any, open_camera, usable_hardware
from backend.cameras.supervisor import Supervisor
from backend.cameras.visits import VisitLog, Visits, is_late
from backend.cameras.worker import CameraWorker
from backend.domain.camera import Camera, CameraState, masked_link
from backend.domain.errors import ConfigurationError, ModelError
from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.domain.notification import ChannelKind
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.gallery import Gallery
from backend.gallery.index import ExactIndex, MakeIndex
from backend.gallery.keeper import IndexKeeper
from backend.gallery.shelf import Limit, Shelf
from backend.metrics import Metrics
from backend.notifications.answers import Answers
from backend.notifications.apprise_services import AppriseNotifier
from backend.notifications.channel_list import ChannelList
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.home_assistant import CameraOnline
from backend.notifications.home_states import HomeStates
from backend.notifications.listening import Listeners
from backend.notifications.mqtt import MqttNotifier
from backend.notifications.naming import Naming
from backend.notifications.notifier import Notifier
from backend.notifications.routing import Router
from backend.notifications.rulebook import Rulebook
from backend.notifications.telegram import TelegramNotifier
from backend.notifications.webhook import WebhookNotifier
from backend.recognition.decision import DecisionRule
from backend.recognition.enrol import Enroller, EnrolmentRule
from backend.recognition.identify import Identifier
from backend.recognition.intake import Intake
from backend.recognition.jobs import Jobs
from backend.recognition.reembedding import Reembedder, Successor, put_in_place
from backend.recognition.seen_again import SeenAgain
from backend.recognition.verify import Verifier
from backend.settings import LocalSettings, Settings
from backend.storage import data_folder, reembedding
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox, load_key
from backend.storage.snapshots import Snapshots
from backend.vision.conventions import Thresholds
from backend.vision.cores import usable_cores
from backend.vision.devices import open_runtime
from backend.vision.engine import InferenceEngine
from backend.vision.image import ImageLimits, decode, encode_jpeg
from backend.vision.loading import Chosen, Mirroring, Pipelines, Workshop, load_pipelines
from backend.vision.loading import open_workshop as workshop
from backend.vision.models import SFACE, EmbedderFile, available
from backend.vision.own_files import embedder_named, own_detector, own_embedder
from backend.vision.runtime import Runtime

logger = logging.getLogger(__name__)

STOP_SECONDS = 4.5
"""How long everything together may take to end at shutdown; what is not sent then is sent after the next start."""
LETTING_GO_SECONDS = 1.5
"""The last part of that, kept for connections: by then what is to be written is written."""
TELLING_SECONDS = 0.5
"""How long is waited for a broker that is just being told of the cameras: there is nothing in it to lose."""


class Ending:
    """The one deadline of a shutdown, begun by whatever ends first and shared by all that end after it."""

    def __init__(self, seconds: float = STOP_SECONDS) -> None:
        """Give all of them together that many seconds."""
        self._seconds = seconds
        self._deadline: float | None = None

    def left(self, kept_back: float = 0.0) -> float:
        """How many seconds are left, without the last `kept_back`; the first call begins to count."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._seconds
        return max(0.0, self._deadline - kept_back - now)

    def left_for_work(self) -> float:
        """How many seconds are left for what may be lost if it is not waited for."""
        return self.left(LETTING_GO_SECONDS)


class _Stoppable(Protocol):
    """What can be asked to end before it is waited for."""

    def ask_to_stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Recognition:
    """Enrolling and identifying: what needs no server."""

    database: Database
    gallery: Gallery
    enroller: Enroller
    identifier: Identifier
    verifier: Verifier
    pipelines: Pipelines
    engine: InferenceEngine
    dimensions: int
    """How long the model's embeddings are."""
    device: str
    """What the models run on, in words."""
    limits: ImageLimits
    meter: Meter

    def decode(self, data: bytes) -> RgbImage:
        """The picture in a file; raises ImageRejected."""
        with timed(self.meter, Stage.DECODE):
            return decode(data, self.limits)


class Serving:
    """Which model answers at the moment; another may take its place."""

    def __init__(self, recognition: Recognition) -> None:
        """Begin with `recognition`."""
        self.current = recognition


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the HTTP API answers from."""

    settings: Settings
    serving: Serving
    schedule: Schedule
    hardware: Hardware
    snapshots: Snapshots
    rulebook: Rulebook
    channels: ChannelList
    listeners: Listeners
    dispatcher: Dispatcher
    jobs: Jobs
    reembedder: Reembedder
    metrics: Metrics

    @property
    def recognition(self) -> Recognition:
        """What answers at the moment."""
        return self.serving.current

    @property
    def doctor(self) -> CameraDoctor:
        """What examines cameras."""
        return doctor_of(self.settings, self.recognition, self.hardware)

    def of_this_moment(self) -> "Services":
        """The same, whose model stays the same while a request is answered."""
        return replace(self, serving=Serving(self.serving.current))


@dataclass(frozen=True, slots=True)
class _Models:
    """What recognition by any model is made of."""

    settings: LocalSettings
    database: Database
    runtime: Runtime
    engine: InferenceEngine
    meter: Meter
    chosen: Chosen

    def pipelines(self, embedder: EmbedderFile | None) -> Pipelines:
        """The pipelines of an embedder, or of the default one; raises ModelError."""
        chosen = Chosen(embedder, self.chosen.detector)
        return load_models(self.settings, self.runtime, self.engine, self.meter, chosen)

    def recognition(self, pipelines: Pipelines) -> Recognition:
        """Enrolling and identifying by these pipelines."""
        settings, meter = self.settings, self.meter
        gallery = open_gallery(settings, self.database, pipelines.photos.model, meter)
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        enrolment = EnrolmentRule(settings.min_face_size, settings.min_quality)
        thresholds = thresholds_of(settings, pipelines.thresholds)
        rule = DecisionRule(thresholds.identify, thresholds.margin)
        return Recognition(
            database=self.database,
            gallery=gallery,
            enroller=Enroller(
                pipelines.enrolment, gallery, enrolment, limits, keep_crops=settings.keep_crops, meter=meter
            ),
            identifier=Identifier(pipelines.photos, gallery, rule, meter, glance=pipelines.glance),
            verifier=Verifier(pipelines.enrolment, gallery, thresholds.verify),
            pipelines=pipelines,
            engine=self.engine,
            dimensions=pipelines.photos.dimensions,
            device=f"{self.runtime.name} on {self.runtime.device}, {pipelines.precision}",
            limits=limits,
            meter=meter,
        )

    def former(self) -> Pipelines | None:
        """The pipelines of the model that the gallery is of, where that is another than the one wanted.

        None where it is the same, or gone: then the log says so.
        """
        with self.database.read() as tx:
            name = reembedding.serving_model(tx)
        if name is None or name == self.wanted.name:
            return None
        try:
            return self.pipelines(_known_embedder(name))
        except ModelError as error:
            logger.warning(
                "The gallery is of the model %s, which is gone (%s) Until its faces are made anew by %s, not everybody "
                "is recognised.",
                name,
                error.message,
                self.wanted.name,
            )
            return None

    @property
    def wanted(self) -> EmbedderFile:
        """The embedder that the settings name."""
        return self.chosen.embedder or available(SFACE, self.settings.model_dir)


def _known_embedder(name: str) -> EmbedderFile:
    found = embedder_named(name)
    if found is None:
        raise ModelError(f"No model of the id {name} is known.", model=name)
    return found


@contextmanager
def _open_models(settings: LocalSettings, meter: Meter = NO_METER, ending: Ending | None = None) -> Iterator[_Models]:
    """Open the database and the engine; they end together with what else ends by `ending`."""
    by = ending or Ending()
    share_arenas()
    data_folder.prepare(settings.data_dir)
    with ExitStack() as stack:
        database = stack.enter_context(closing(_open_database(settings)))
        chosen = chosen_models(settings)
        runtime = _runtime(settings)
        engine = InferenceEngine()
        stack.callback(lambda: engine.stop(by.left()))
        yield _Models(settings, database, runtime, engine, meter, chosen)


@contextmanager
def open_recognition(settings: LocalSettings) -> Iterator[Recognition]:
    """Open the database and the models; raises a FaceServerError, with what to do, where that cannot be.

    Where the gallery is still of another model than the settings name, that one answers: a server makes it anew.
    """
    with _open_models(settings) as models:
        former = models.former()
        if former is not None:
            logger.warning("The gallery is of %s still: the server makes it anew.", former.plain.model)
        yield models.recognition(former or models.pipelines(models.chosen.embedder))


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Start the whole service, and stop it in the reverse order: cameras, dispatcher, models, database.

    All that runs is asked to end before any of it is waited for, and the waiting has one deadline.
    """
    with ExitStack() as stack:
        ending = Ending()
        data_folder.prepare(settings.data_dir)
        stack.enter_context(data_folder.held(settings.data_dir))
        metrics = Metrics()
        models = stack.enter_context(_open_models(settings, metrics, ending))
        database = models.database
        former, wanted = models.former(), models.pipelines(models.chosen.embedder)
        if former is None:
            _note_serving(database, wanted.plain.model)
            # What a crash left half in place.
            put_in_place(database, wanted.plain.model)
        serving = Serving(models.recognition(former or wanted))
        logger.info("The models run by %s.", serving.current.device)
        keeper = IndexKeeper(serving.current.gallery)
        keeper.start()
        stack.callback(lambda: keeper.stop(ending.left()))
        snapshots = Snapshots(settings.data_dir / "snapshots")
        close_left_open(database, snapshots)
        notifiers = _open_notifiers(settings, stack, ending)
        dispatcher = _start_dispatcher(settings, database, snapshots, notifiers.by_kind())
        stack.callback(lambda: dispatcher.stop(ending.left_for_work()))
        hardware = hardware_of(settings)
        supervisor = Supervisor(_CameraWorkers(settings, serving, snapshots, dispatcher, hardware))
        stack.callback(lambda: supervisor.stop(ending.left_for_work()))
        schedule = Schedule(database, supervisor)
        schedule.resume()
        states = _start_home_states(database, notifiers.mqtt, schedule)
        stack.callback(lambda: states.stop(min(TELLING_SECONDS, ending.left())))
        listeners = _start_listeners(serving, snapshots, notifiers.telegram, schedule, dispatcher)
        stack.callback(lambda: listeners.stop(ending.left_for_work()))
        jobs = _start_jobs(settings, serving)
        stack.callback(lambda: jobs.stop(ending.left_for_work()))
        handover = _Handover(models, wanted, serving, keeper, supervisor)
        reembedder = Reembedder(database, handover.successor(snapshots))
        reembedder.start()
        stack.callback(lambda: reembedder.stop(ending.left_for_work()))
        # The dispatcher comes later: the cameras' last messages are still to go.
        stack.callback(_ask_to_stop, (reembedder, jobs, listeners, states, supervisor, keeper))
        yield Services(
            settings=settings,
            serving=serving,
            schedule=schedule,
            hardware=hardware,
            snapshots=snapshots,
            rulebook=Rulebook(database),
            channels=ChannelList(database, notifiers.by_kind()),
            listeners=listeners,
            dispatcher=dispatcher,
            jobs=jobs,
            reembedder=reembedder,
            metrics=metrics,
        )


def _note_serving(database: Database, model: str) -> None:
    with database.read() as tx:
        is_noted = reembedding.noted_model(tx) == model
    if not is_noted:
        with database.write() as tx:
            reembedding.serve(tx, model)


@dataclass(frozen=True, slots=True)
class _Handover:
    """How the wanted model takes the place of the one that answers."""

    models: _Models
    wanted: Pipelines
    serving: Serving
    keeper: IndexKeeper
    supervisor: Supervisor

    def successor(self, snapshots: Snapshots) -> Successor:
        limits = ImageLimits(self.models.settings.max_image_bytes, self.models.settings.max_image_pixels)
        seen_again = SeenAgain(self.models.database, snapshots, self.wanted.enrolment, limits)
        return Successor(
            embedder=self.wanted.background,
            seen_again=seen_again.template,
            gallery=lambda: self.serving.current.gallery,
            switch=self._switch,
            switched=self._switched,
        )

    def _switch(self) -> None:
        self.serving.current = self.models.recognition(self.wanted)

    def _switched(self) -> None:
        self.keeper.keep(self.serving.current.gallery)
        # A track's looks are of one model.
        self.supervisor.begin_anew()


def _ask_to_stop(running: Iterable[_Stoppable]) -> None:
    for each in running:
        each.ask_to_stop()


def load_models(
    settings: LocalSettings,
    runtime: Runtime | None = None,
    engine: InferenceEngine | None = None,
    meter: Meter = NO_METER,
    chosen: Chosen | None = None,
) -> Pipelines:
    """The models as the settings want them, or those `chosen`.

    Raises ModelError and ConfigurationError, with what to do, where that cannot be.
    """
    mirroring = Mirroring(settings.mirror_enrol, settings.mirror_search)
    runtime = runtime or _runtime(settings)
    return load_pipelines(
        model_cache(settings),
        settings.model_dir,
        runtime,
        mirroring=mirroring,
        engine=engine,
        precision=settings.precision,
        meter=meter,
        chosen=chosen_models(settings) if chosen is None else chosen,
    )


def chosen_models(settings: LocalSettings) -> Chosen:
    """The models that the settings name; raises ConfigurationError, with what to do, for what is none."""
    embedder, detector = settings.model_file, settings.detector_file
    return Chosen(
        None if embedder is None else own_embedder(embedder, settings.model_convention, settings.model_dir),
        None if detector is None else own_detector(detector, settings.model_dir),
    )


def thresholds_of(settings: LocalSettings, own: Thresholds) -> Thresholds:
    """The thresholds of the settings and, where they say nothing, the model's `own`."""
    identify, margin, verify = settings.identify_threshold, settings.identify_margin, settings.verify_threshold
    return Thresholds(
        identify=own.identify if identify is None else identify,
        margin=own.margin if margin is None else margin,
        verify=own.verify if verify is None else verify,
    )


def open_workshop(settings: LocalSettings) -> Workshop:
    """What forms of the embedder are made and measured with, on this machine's device; raises ModelError as above."""
    data_folder.prepare(settings.data_dir)
    if settings.model_file is not None or settings.detector_file is not None:
        raise ConfigurationError("Only SFace is made int8: take MODEL_FILE and DETECTOR_FILE away first.")
    return workshop(model_cache(settings), settings.model_dir, _runtime(settings))


def open_gallery(settings: LocalSettings, database: Database, model: str, meter: Meter = NO_METER) -> Gallery:
    """The gallery of one model: exact while small, from the index on disk where that is large enough to need one."""
    shelf = Shelf(settings.data_dir / "index", model, Limit(settings.exact_search_up_to))
    return Gallery(database, model, CohortAdjustedIndex if settings.cohort_adjustment else None, shelf, meter)


def index_of(settings: LocalSettings) -> MakeIndex:
    """What makes the kind of index that the gallery is searched by."""
    return CohortAdjustedIndex.of if settings.cohort_adjustment else ExactIndex.of


def recorded_visits_of(recognition: Recognition, threshold: float, log: VisitLog) -> Visits:
    """What follows the faces of a recording and tells `log` who passed; none of its frames is ever late."""
    return Visits(Finder(recognition.pipelines.cameras, EVERYTHING), recognition.identifier, threshold, log)


def _live_visits_of(recognition: Recognition, threshold: float, log: VisitLog, view: View = EVERYTHING) -> Visits:
    """What follows the faces of a camera, as far as `view` shows them, and tells `log` who passed."""
    return Visits(Finder(recognition.pipelines.cameras, view), recognition.identifier, threshold, log, is_late)


def worker_of(
    settings: LocalSettings, recognition: Recognition, source: str, threshold: float, log: VisitLog
) -> CameraWorker:
    """What watches a live source and tells `log` who passed: a camera's link, or a webcam's number."""
    hardware = hardware_of(settings)
    return CameraWorker(
        # The log has the name, and must not have the password.
        masked_link(source),
        lambda: open_any(source, settings.rtsp_transport, hardware.device),
        _live_visits_of(recognition, threshold, log),
        settings.analysis_fps,
        patience=_patience_of(settings),
        degraded=hardware.missing,
    )


def camera_worker_of(
    settings: LocalSettings, recognition: Recognition, camera: Camera, log: VisitLog, hardware: Hardware
) -> CameraWorker:
    """What watches a camera as its fields say, and tells `log` who passed."""

    def opened(link: str) -> VideoSource:
        return open_camera(link, settings.rtsp_transport, hardware.device)

    return CameraWorker(
        camera.nickname,
        partial(opened, camera.link),
        _live_visits_of(recognition, camera.threshold, log, View(camera.region, camera.min_face_size)),
        camera.analysis_fps or settings.analysis_fps,
        patience=_patience_of(settings),
        degraded=hardware.missing,
        open_detail=partial(opened, camera.detail_link) if camera.detail_link else None,
    )


def sighting_log_of(
    recognition: Recognition,
    snapshots: Snapshots,
    camera: Camera,
    tell: Tell,
    on_written: Callable[[], None],
    *,
    keep_crops: bool = True,
) -> VisitLog:
    """What keeps a camera's visits as sightings, and asks `tell` about each; see SightingLog."""
    return SightingLog(camera, recognition.database, snapshots, tell, on_written, keep_crops=keep_crops)


def doctor_of(settings: LocalSettings, recognition: Recognition, hardware: Hardware) -> CameraDoctor:
    """What examines cameras on this machine, as they would be watched."""
    return CameraDoctor(
        lambda link, timeouts: open_camera(link, settings.rtsp_transport, hardware.device, timeouts),
        recognition.pipelines.cameras,
        usable_cores(),
        settings.analysis_fps,
    )


def intake_of(recognition: Recognition) -> Intake:
    """What takes in archives of photos and exports."""
    dimensions, most = recognition.dimensions, recognition.limits.max_bytes
    return Intake(recognition.gallery, recognition.enroller, dimensions, most)


def hardware_of(settings: LocalSettings) -> Hardware:
    """What decodes video here; where it is not what was asked for, the log says so."""
    hardware = usable_hardware(settings.hardware_decoding)
    if hardware.missing is not None:
        logger.warning("%s", hardware.missing)
    return hardware


def _patience_of(settings: LocalSettings) -> Patience:
    return Patience(frozen_after=settings.frozen_after_seconds)


@dataclass(frozen=True, slots=True)
class _CameraWorkers:
    """Makes the workers of scheduled cameras."""

    settings: Settings
    serving: Serving
    snapshots: Snapshots
    dispatcher: Dispatcher
    hardware: Hardware

    def __call__(self, camera: Camera) -> CameraWorker:
        recognition = self.serving.current
        # No zone: hours are the server's own, summer time included.
        router = Router(zone=None)
        log = sighting_log_of(
            recognition,
            self.snapshots,
            camera,
            router.tell,
            self.dispatcher.wake,
            keep_crops=self.settings.keep_crops,
        )
        return camera_worker_of(self.settings, recognition, camera, log, self.hardware)


def _runtime(settings: LocalSettings) -> Runtime:
    return open_runtime(settings.device, settings.threads or None, model_cache(settings), settings.model_dir)


def model_cache(settings: LocalSettings) -> Path:
    """Where models are kept as the engines read them."""
    return settings.data_dir / "models"


@contextmanager
def open_database(settings: LocalSettings) -> Iterator[Database]:
    """Open the database alone, for what needs no models; raises a FaceServerError where it cannot be opened."""
    data_folder.prepare(settings.data_dir)
    with closing(_open_database(settings)) as database:
        yield database


def _open_database(settings: LocalSettings) -> Database:
    given = settings.secret_key
    key = given.get_secret_value() if given is not None else load_key(settings.data_dir)
    return Database.open(sqlite_url(settings.data_dir), SecretBox(key))


@dataclass(frozen=True, slots=True)
class _Notifiers:
    """One for each kind of channel."""

    telegram: TelegramNotifier
    webhook: WebhookNotifier
    mqtt: MqttNotifier
    apprise: AppriseNotifier

    def by_kind(self) -> Mapping[ChannelKind, Notifier]:
        """As the dispatcher looks them up."""
        return {
            ChannelKind.TELEGRAM: self.telegram,
            ChannelKind.WEBHOOK: self.webhook,
            ChannelKind.MQTT: self.mqtt,
            ChannelKind.APPRISE: self.apprise,
        }


def _open_notifiers(settings: Settings, stack: ExitStack, ending: Ending) -> _Notifiers:
    telegram = TelegramNotifier(settings.telegram_api_url)
    stack.callback(lambda: telegram.close(ending.left()))
    webhook = WebhookNotifier()
    stack.callback(lambda: webhook.close(ending.left()))
    mqtt = MqttNotifier()
    stack.callback(lambda: mqtt.close(ending.left(TELLING_SECONDS)))
    apprise = stack.enter_context(closing(AppriseNotifier()))
    return _Notifiers(telegram, webhook, mqtt, apprise)


def _start_jobs(settings: Settings, serving: Serving) -> Jobs:
    folder = settings.data_dir / "jobs"
    jobs = Jobs(serving.current.database, lambda: intake_of(serving.current), folder)
    jobs.start()
    return jobs


def _start_home_states(database: Database, mqtt: MqttNotifier, schedule: Schedule) -> HomeStates:
    def cameras() -> list[CameraOnline]:
        return [
            CameraOnline(
                camera.camera_id,
                camera.nickname,
                schedule.status(camera.camera_id).state is CameraState.STREAMING,
            )
            for camera in schedule.cameras()
        ]

    states = HomeStates(database, mqtt, cameras)
    states.start()
    return states


@dataclass(frozen=True, slots=True)
class _Watched:
    """The cameras as people ask for them on the phone."""

    schedule: Schedule

    def nicknames(self) -> list[str]:
        return [camera.nickname for camera in self.schedule.cameras()]

    def picture(self, nickname: str) -> bytes | None:
        wanted = nickname.casefold()
        camera = next((camera for camera in self.schedule.cameras() if camera.nickname.casefold() == wanted), None)
        shown = None if camera is None else self.schedule.view(camera.camera_id).newest
        return None if shown is None else encode_jpeg(shown.frame.rgb())


def _start_listeners(
    serving: Serving, snapshots: Snapshots, telegram: TelegramNotifier, schedule: Schedule, dispatcher: Dispatcher
) -> Listeners:
    database = serving.current.database

    def seen_again(sighting_id: str) -> Template | None:
        now = serving.current
        return SeenAgain(database, snapshots, now.pipelines.enrolment, now.limits).template(sighting_id)

    naming = Naming(database, lambda: serving.current.gallery, seen_again)
    answers = Answers(database, naming, telegram, _Watched(schedule), dispatcher.wake, zone=None)
    listeners = Listeners(database, telegram, answers.obey)
    listeners.start()
    return listeners


def _start_dispatcher(
    settings: Settings,
    database: Database,
    snapshots: Snapshots,
    notifiers: Mapping[ChannelKind, Notifier],
) -> Dispatcher:
    # No zone: messages tell the server's own time, summer time included.
    give_up_after = timedelta(hours=settings.give_up_after_hours)
    most = settings.messages_per_minute
    dispatcher = Dispatcher(database, snapshots, notifiers, None, give_up_after, most_per_minute=most)
    dispatcher.start()
    return dispatcher
