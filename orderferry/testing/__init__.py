"""What a plugin's author needs to prove his platform: the contract test kit and its parts.

- `contract_shop.ShopContract`, `contract_marketplace.MarketplaceContract`: the tests, to be subclassed
- `simulator.Simulator`: the frame of a simulator that misbehaves on purpose; `example`: the smallest whole platforms
- `samples.forward_order`: an order with something in every field; `strategies`: hypothesis strategies for all values
- `clock.VirtualClock`, `memory`, `account.OpenAccount`: what the daemon hands to a platform, for tests
- the fixtures `clock` and `open_account` are there for everybody who has orderferry installed

Needs pytest and pytest-asyncio with `asyncio_mode = "auto"`; `strategies` also needs hypothesis.
"""
