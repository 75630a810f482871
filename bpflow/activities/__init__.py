"""The vocabulary of processes: a file for each activity, found by its entry point as those of embedding programs are."""
