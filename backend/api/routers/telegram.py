"""Telegram: which chats a bot can write to."""

from fastapi import APIRouter

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.notifications.telegram.bot import recent_chats
from backend.schemas.telegram import ChatList, ChatReply, ChatsRequest

router = APIRouter(prefix="/telegram", tags=["telegram"], responses=COMMON_RESPONSES)


@router.post("/chats")
def telegram_chats(services: ServicesDep, request: ChatsRequest) -> ChatList:
    """List the chats that a bot has lately heard from; nothing of the request is kept."""
    token = request.telegram_api_token.get_secret_value()
    heard = services.listeners.chats(token)
    chats = recent_chats(services.settings.telegram_api_url, token) if heard is None else heard
    return ChatList(chats=[ChatReply(chat_id=chat.chat_id, kind=chat.kind, title=chat.title) for chat in chats])
