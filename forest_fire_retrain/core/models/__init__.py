"""What models are made of: recipes, training, climatology, the environment they are trained in."""
