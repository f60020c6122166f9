"""Real surroundings for tests: faces, clips, an RTSP server, a faulty network and a Bot API server, all on loopback."""
