"""Who a node is: its keys, the certificate of the city, and the register of what was signed."""
