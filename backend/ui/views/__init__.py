"""The pages of the web UI, one file each; Streamlit runs the file that is open."""
