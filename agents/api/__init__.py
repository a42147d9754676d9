"""The API of the agents room: profiles, runtime commands, agents and what they said, limits."""
