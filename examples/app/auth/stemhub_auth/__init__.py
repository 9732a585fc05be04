"""The example's sign-in service: tokens by RS256, the keys to check them, and those that are void before their end."""
