"""What carries messages to people, and takes their answers."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta

from backend.cameras.schedule import Schedule
from backend.container.ending import TELLING_SECONDS, Ending
from backend.container.recognition import Serving, seen_again_of
from backend.domain.camera import CameraState
from backend.domain.notification import ChannelKind
from backend.notifications.answers import Answers
from backend.notifications.apprise_services import AppriseNotifier
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.home_assistant import CameraOnline
from backend.notifications.home_states import HomeStates
from backend.notifications.listening import Listeners
from backend.notifications.mqtt import MqttNotifier
from backend.notifications.naming import Naming
from backend.notifications.notifier import Notifier
from backend.notifications.telegram.bot import TelegramNotifier
from backend.notifications.webhook import WebhookNotifier
from backend.recognition.seen_again import SeenAgain
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots
from backend.vision.image import encode_jpeg


@dataclass(frozen=True, slots=True)
class Notifiers:
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


def open_notifiers(settings: Settings, stack: ExitStack, ending: Ending) -> Notifiers:
    """Make them, and have `stack` close their connections."""
    telegram = TelegramNotifier(settings.telegram_api_url)
    stack.callback(lambda: telegram.close(ending.left()))
    webhook = WebhookNotifier()
    stack.callback(lambda: webhook.close(ending.left()))
    mqtt = MqttNotifier()
    stack.callback(lambda: mqtt.close(ending.left(TELLING_SECONDS)))
    apprise = stack.enter_context(closing(AppriseNotifier()))
    return Notifiers(telegram, webhook, mqtt, apprise)


def start_home_states(database: Database, mqtt: MqttNotifier, schedule: Schedule) -> HomeStates:
    """Have Home Assistant told which cameras are online."""

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


def start_listeners(
    serving: Serving, snapshots: Snapshots, telegram: TelegramNotifier, schedule: Schedule, dispatcher: Dispatcher
) -> Listeners:
    """Have answers from the phone obeyed."""
    database = serving.current.database

    def seen_again() -> SeenAgain:
        now = serving.current
        return seen_again_of(database, snapshots, now.pipelines, now.limits)

    naming = Naming(database, lambda: serving.current.gallery, seen_again)
    answers = Answers(database, naming, telegram, _Watched(schedule), dispatcher.wake, zone=None)
    listeners = Listeners(database, telegram, answers.obey)
    listeners.start()
    return listeners


def start_dispatcher(
    settings: Settings,
    database: Database,
    snapshots: Snapshots,
    notifiers: Mapping[ChannelKind, Notifier],
) -> Dispatcher:
    """Have messages that wait sent."""
    # No zone: messages tell the server's own time, summer time included.
    give_up_after = timedelta(hours=settings.give_up_after_hours)
    most = settings.messages_per_minute
    dispatcher = Dispatcher(database, snapshots, notifiers, None, give_up_after, most_per_minute=most)
    dispatcher.start()
    return dispatcher
