"""Telegram: sends messages, hears what is answered, and lists the chats of a bot; the only door to its library."""
