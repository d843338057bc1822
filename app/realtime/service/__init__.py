"""What the sockets read from and ask of the packages below them."""
