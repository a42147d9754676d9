"""Agent profiles, runtimes, supervised runs, capacity and admission, intents and replaced agents."""
