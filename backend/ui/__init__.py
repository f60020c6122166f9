"""The web UI: Streamlit pages that speak to the server through `backend.client` alone."""
