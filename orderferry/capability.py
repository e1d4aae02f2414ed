"""What an account can do: a flag for each operation, and flags for what an operation does or carries.

The daemon compares the operation flags with the hooks that a class really implements when it opens an account
(`HOOK_FLAGS`); an account that promises without implementing, or the reverse, does not start. Hooks themselves never
test flags: the daemon asks once, before a job is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, auto
from types import MappingProxyType


class Capability(Flag):
    """Operations first, traits after; a trait says nothing unless its operation is there too."""

    NONE = 0

    # operations: each stands for a hook
    FETCH_ORDERS = auto()
    ADD_ORDER = auto()
    FIND_ORDER = auto()
    SET_STATUS = auto()
    SET_PAYMENT = auto()
    SET_TRACKING = auto()
    FIND_PRODUCTS = auto()
    FIND_PURCHASE = auto()
    SEND_MAIL = auto()
    LOGIN = auto()
    PROBE = auto()
    LIST_STATUSES = auto()
    LIST_PAYMENTS = auto()
    LIST_DELIVERIES = auto()
    LIST_CARRIERS = auto()

    # how adding behaves
    KEEPS_PRICES = auto()  # the shop takes the marketplace's prices and delivery cost as they are
    STOCK_ON_ADD = auto()  # the shop's stock falls when the order is added
    ADD_IS_MULTI_STEP = auto()  # several calls make one order; `progress` remembers how far it came
    MAILS_ON_ADD = auto()  # the shop mails the buyer when an order is added, and its API can't stop it

    # how an order is found again (reliability: none of them = a lost answer waits for the seller)
    REF_UNIQUE = auto()  # the shop refuses a second order with the same reference
    REF_EXACT = auto()  # the shop answers an exact search by reference
    REF_WINDOW = auto()  # the plugin scans the shop's newest orders and compares the reference itself

    # what add_order carries
    CARRIES_LOGIN = auto()
    CARRIES_OFFER_NUMBER = auto()
    CARRIES_COMMENT = auto()
    CARRIES_INVOICE = auto()
    CARRIES_PICKUP_POINT = auto()
    CARRIES_PAYMENT = auto()
    CARRIES_DELIVERY_METHOD = auto()

    # status, payment, tracking
    STATUS_CUSTOM = auto()  # the platform's list of statuses is open
    STATUS_ACTIONS = auto()  # statuses are reached by actions (pay, ship, cancel), not set
    STATUS_MOVES_ON_PAYMENT = auto()  # set_payment moves the status: the mapped one is told again afterwards
    STATUS_MOVES_ON_TRACKING = auto()  # set_tracking moves the status: likewise
    PAYMENT_READ = auto()  # fetch_orders also tells whether known orders are paid
    PARCELS_MANY = auto()  # more than one parcel an order
    TRACKING_NEEDS_EXTENSION = auto()

    # fetching
    MERGES_ORDERS = auto()  # two purchases may become one new order that carries their lines
    SHIPS_ITSELF = auto()  # the marketplace may ship from a stock of its own


OPERATIONS: Capability = (
    Capability.FETCH_ORDERS
    | Capability.ADD_ORDER
    | Capability.FIND_ORDER
    | Capability.SET_STATUS
    | Capability.SET_PAYMENT
    | Capability.SET_TRACKING
    | Capability.FIND_PRODUCTS
    | Capability.FIND_PURCHASE
    | Capability.SEND_MAIL
    | Capability.LOGIN
    | Capability.PROBE
    | Capability.LIST_STATUSES
    | Capability.LIST_PAYMENTS
    | Capability.LIST_DELIVERIES
    | Capability.LIST_CARRIERS
)

HOOK_FLAGS: Mapping[str, Capability] = MappingProxyType(
    {
        "fetch_orders": Capability.FETCH_ORDERS,
        "add_order": Capability.ADD_ORDER,
        "find_order": Capability.FIND_ORDER,
        "set_status": Capability.SET_STATUS,
        "set_payment": Capability.SET_PAYMENT,
        "set_tracking": Capability.SET_TRACKING,
        "find_products": Capability.FIND_PRODUCTS,
        "find_purchase": Capability.FIND_PURCHASE,
        "send_mail": Capability.SEND_MAIL,
        "login": Capability.LOGIN,
        "probe": Capability.PROBE,
        "list_choices": (
            Capability.LIST_STATUSES | Capability.LIST_PAYMENTS | Capability.LIST_DELIVERIES | Capability.LIST_CARRIERS
        ),
    }
)
"""Hook -> the flags of which at least one must be declared where the hook is implemented, and the reverse."""


def names(capability: Capability) -> tuple[str, ...]:
    """The single flags' names in lower case, in the order of their declaration."""
    return tuple(flag.name.lower() for flag in Capability if flag in capability and flag.name)
