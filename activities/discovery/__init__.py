"""What a discovery is made of."""
