"""The socket: the Centrifugo client protocol version 2 in JSON, over WebSocket."""
