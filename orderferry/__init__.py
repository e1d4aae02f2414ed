"""The contract between orderferry and its plugins: all that a plugin may import.

Further public modules, imported where they are needed: `orderferry.http` (the account's HTTP client),
`orderferry.oauth`, `oauth_code` and `oauth_login` (token flows), `orderferry.carriers` (one name for each carrier),
`orderferry.kept` (what is read once for some minutes), `orderferry.testing` (the contract test kit).
"""

from orderferry.capability import Capability
from orderferry.errors import Malformed, NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure
from orderferry.forward import (
    CheckReport,
    Choice,
    ChoiceKind,
    Finding,
    ForwardOrder,
    Mail,
    OrderRef,
    PaymentState,
    ProbeReport,
    Product,
    ProductKey,
    ShopOrder,
)
from orderferry.hooks import hookimpl
from orderferry.model import (
    Address,
    Buyer,
    Delivery,
    Echo,
    Invoice,
    Line,
    MalformedOrder,
    Money,
    Order,
    Page,
    Parcel,
    Payment,
    PaymentKind,
    PickupPoint,
    Role,
    Stage,
)
from orderferry.platform import Account, Platform, Progress, Register
from orderferry.settings import Duration, Secret, Settings, Url
from orderferry.surroundings import Clock

__all__ = [
    "Account",
    "Address",
    "Buyer",
    "Capability",
    "CheckReport",
    "Choice",
    "ChoiceKind",
    "Clock",
    "Delivery",
    "Duration",
    "Echo",
    "Finding",
    "ForwardOrder",
    "Invoice",
    "Line",
    "Mail",
    "Malformed",
    "MalformedOrder",
    "Money",
    "NeedsLogin",
    "Order",
    "OrderRef",
    "Page",
    "Parcel",
    "Payment",
    "PaymentKind",
    "PaymentState",
    "PickupPoint",
    "Platform",
    "PlatformError",
    "ProbeReport",
    "Product",
    "ProductKey",
    "Progress",
    "RateLimited",
    "Register",
    "Rejected",
    "Role",
    "Secret",
    "Settings",
    "ShopOrder",
    "Stage",
    "Unavailable",
    "Unsure",
    "Url",
    "hookimpl",
]
