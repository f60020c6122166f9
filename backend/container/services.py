"""The whole service: everything opened in order and closed in reverse."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from backend.cameras.doctor import CameraDoctor
from backend.cameras.schedule import Schedule
from backend.cameras.sighting_log import close_left_open
from backend.cameras.source import Hardware
from backend.cameras.supervisor import Supervisor
from backend.container.cameras import CameraWorkers, doctor_of, hardware_of
from backend.container.ending import TELLING_SECONDS, Ending
from backend.container.handover import Handover, first_to_answer
from backend.container.messages import open_notifiers, start_dispatcher, start_home_states, start_listeners
from backend.container.recognition import Recognition, Serving, intake_of, open_models
from backend.gallery.keeper import IndexKeeper
from backend.metrics import Metrics
from backend.notifications.channel_list import ChannelList
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.listening import Listeners
from backend.notifications.rulebook import Rulebook
from backend.recognition.jobs import Jobs
from backend.recognition.reembedding import Reembedder
from backend.settings import Settings
from backend.storage import data_folder
from backend.storage.snapshots import Snapshots

logger = logging.getLogger(__name__)


class _Stoppable(Protocol):
    """What can be asked to end before it is waited for."""

    def ask_to_stop(self) -> None: ...


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


OpenServices = Callable[[Settings], AbstractContextManager[Services]]
"""As `open_services`."""


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
        models = stack.enter_context(open_models(settings, metrics, ending))
        database = models.database
        wanted = models.pipelines(models.chosen.embedder)
        serving = Serving(first_to_answer(models, wanted))
        logger.info("The models run by %s.", serving.current.device)
        keeper = IndexKeeper(serving.current.gallery.searched)
        keeper.start()
        stack.callback(lambda: keeper.stop(ending.left()))
        snapshots = Snapshots(settings.data_dir / "snapshots")
        close_left_open(database, snapshots)
        notifiers = open_notifiers(settings, stack, ending)
        dispatcher = start_dispatcher(settings, database, snapshots, notifiers.by_kind())
        stack.callback(lambda: dispatcher.stop(ending.left_for_work()))
        hardware = hardware_of(settings)
        supervisor = Supervisor(CameraWorkers(settings, serving, snapshots, dispatcher, hardware))
        stack.callback(lambda: supervisor.stop(ending.left_for_work()))
        schedule = Schedule(database, supervisor)
        schedule.resume()
        states = start_home_states(database, notifiers.mqtt, schedule)
        stack.callback(lambda: states.stop(min(TELLING_SECONDS, ending.left())))
        listeners = start_listeners(serving, snapshots, notifiers.telegram, schedule, dispatcher)
        stack.callback(lambda: listeners.stop(ending.left_for_work()))
        jobs = _start_jobs(settings, serving)
        stack.callback(lambda: jobs.stop(ending.left_for_work()))
        handover = Handover(models, wanted, serving, keeper, supervisor)
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


def _ask_to_stop(running: Iterable[_Stoppable]) -> None:
    for each in running:
        each.ask_to_stop()


def _start_jobs(settings: Settings, serving: Serving) -> Jobs:
    folder = settings.data_dir / "jobs"
    jobs = Jobs(serving.current.database, lambda: intake_of(serving.current), folder)
    jobs.start()
    return jobs
