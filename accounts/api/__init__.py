"""The API of the accounts room, and what every room's API shares that needs people: who asks, and whether they may."""
