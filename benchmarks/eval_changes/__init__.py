"""How far changes can be trusted: what is missed and what is reported in vain, by name."""
