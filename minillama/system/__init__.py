"""What the computer gives, without a word of models: files, processors, memory, shipped assets."""
