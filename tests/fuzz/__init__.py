"""Whatever a server says: parsers answer or raise an error of ours, in time and in memory."""
