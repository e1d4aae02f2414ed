"""What a plugin's author needs to prove his platform: the contract test kit and its parts."""
