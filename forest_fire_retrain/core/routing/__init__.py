"""Which models answer with which weight, from what each of them would have said of every day whose fires are known."""
