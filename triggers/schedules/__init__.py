"""When a schedule is due: cron, intervals, zones, days to skip and what happens to missed slots. Pure."""
