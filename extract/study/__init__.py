"""What is asked: the protocol, its keywords, and where a study keeps its things."""
