"""Work on several processes or machines: tasks, workers, shards of data, and files of results."""
