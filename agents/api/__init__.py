"""The API of the agents room: profiles, runtime commands, model providers, agents and what they said, limits."""
