"""Telegram: find the chat ids that a bot can write to."""

import streamlit as st

from backend.client import ClientError
from backend.schemas.telegram import ChatReply
from backend.ui.connection import client
from backend.ui.explanations import show
from backend.ui.phrases import plain

_BOT = """\
1. In Telegram, write to [@BotFather](https://t.me/BotFather): `/newbot`, a name, and a user name that ends in `bot`.
2. BotFather answers with the bot's token, such as `123456789:AAE…`. Keep it secret: whoever has it writes as your bot.
3. Write any message to your new bot, or add it to a group and write there.
4. Paste the token here. The chats that the bot has heard from are listed with their ids.
5. Give token and chat id to a camera on the **Cameras** page."""

_NOTHING = """\
**The bot has heard from nobody lately.** Telegram keeps messages to a bot for a day.

* Write a new message to the bot, or in its group, and ask again.
* In a group the bot sees ordinary messages only with its privacy mode turned off: BotFather, `/setprivacy`, *Disable*;
  then remove the bot from the group and add it again. A message that begins with `/` is seen in any case.
* A bot that has a webhook, or another program that fetches its messages, leaves nothing to be listed."""

_ICONS = {
    "private": ":material/person:",
    "group": ":material/group:",
    "supergroup": ":material/groups:",
    "channel": ":material/campaign:",
}


def show_page() -> None:
    """The question on the left, the way to a bot on the right."""
    st.title("Telegram")
    asking, telling = st.columns([6, 5], gap="large")
    with asking:
        _ask()
    with telling:
        st.subheader("How to get there")
        st.markdown(_BOT)


def _ask() -> None:
    st.subheader("Find chat ids")
    with st.form("telegram"):
        token = st.text_input(
            "Bot token",
            type="password",
            key="chats_token",
            placeholder="123456789:AAE…",
            help="Used for this one question and kept nowhere.",
            autocomplete="off",
        )
        asked = st.form_submit_button("List chats", type="primary", icon=":material/search:", key="list_chats")
    if not asked:
        return
    if not (token or "").strip():
        st.warning("Paste the bot's token first.", icon=":material/key:")
        return
    _answer((token or "").strip())


def _answer(token: str) -> None:
    try:
        with st.spinner("Asking Telegram …"):
            chats = client().telegram_chats(token).chats
    except ClientError as error:
        _explain(error)
        return
    if not chats:
        st.info(_NOTHING, icon=":material/forum:")
    for chat in chats:
        _show(chat)


def _explain(error: ClientError) -> None:
    if not error.code.startswith("delivery_"):
        show(error)
        return
    st.error(f"**Telegram gave no list.** {plain(error.message)}", icon=":material/error:")
    st.caption("A token looks like `123456789:AAE…`. BotFather shows it again with `/mybots`, *API Token*.")


def _show(chat: ChatReply) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{_ICONS.get(chat.kind, ':material/forum:')} **{plain(chat.title)}**", width="stretch")
        st.badge(plain(chat.kind), color="gray")
        st.code(chat.chat_id, language=None, width=220)


if __name__ == "__main__":
    show_page()
