"""The smallest or fastest form of a model that stays within a bound: the width of each layer's weights is searched."""
