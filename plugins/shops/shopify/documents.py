"""The documents that are sent, each with the type of its answer.

Lists inside lists are kept short: a request may cost 1000 points, and each entry that may come counts
(https://shopify.dev/docs/api/usage/limits).
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from orderferry.graphql import Operation
from plugins.shops.shopify import wire
from plugins.shops.shopify.wire import Connection, Wire

NAMESPACE = "orderferry"
KEY = "reference"

_METAFIELD = f'metafield(namespace: "{NAMESPACE}", key: "{KEY}") {{ value }}'
_MONEY = "{ shopMoney { amount currencyCode } }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_STATE = (
    "id name closed cancelledAt tags displayFinancialStatus displayFulfillmentStatus canMarkAsPaid "
    f"totalPriceSet {_MONEY}"
)
_LINE = (
    f"id name quantity sku requiresShipping discountedTotalSet(withCodeDiscounts: true) {_MONEY} "
    f"taxLines(first: 2) {{ ratePercentage priceSet {_MONEY} }} variant {{ barcode }}"
)
_ADDRESS = "firstName lastName company address1 address2 city zip provinceCode countryCodeV2 phone"
_ERRORS = "userErrors { field message }"
_CODED_ERRORS = "userErrors { field message code }"


class Errors(Wire):
    """What every change answers: the reasons why it was not made."""

    user_errors: list[wire.UserError] = msgspec.field(default_factory=list)


class AddedPayload(Errors):
    """The order that was added."""

    order: wire.Added | None = None


class AddedData(Wire):
    """Answer of ADD."""

    payload: AddedPayload = msgspec.field(name="orderCreate")


class DoneData(Wire):
    """Answer of a change of which only the errors matter; its field has the alias `done`."""

    done: Errors


class CancelPayload(Wire):
    """Answer of a cancelling that Shopify carries out a moment later."""

    user_errors: list[wire.UserError] = msgspec.field(name="orderCancelUserErrors", default_factory=list)


class CancelData(Wire):
    """Answer of CANCEL."""

    done: CancelPayload


class FoundData(Wire):
    """Answer of BY_REFERENCE."""

    order: wire.State | None = msgspec.field(name="orderByIdentifier")


class StateData(Wire):
    """Answer of STATE."""

    order: wire.State | None = None


class ShippingData(Wire):
    """Answer of SHIPPING."""

    order: wire.Shipping | None = None


class LinesOf(Wire):
    """An order's further lines."""

    line_items: Connection[wire.Line]


class LinesData(Wire):
    """Answer of LINES."""

    order: LinesOf | None = None


class ReferencedData(Wire):
    """Answer of REFERENCES."""

    orders: Connection[wire.Referenced]


class PurchaseData(Wire):
    """Answer of PURCHASES."""

    orders: Connection[wire.Purchase]


class ChangedData(Wire):
    """Answer of CHANGED: each order still raw."""

    orders: Connection[Raw]


class VariantData(Wire):
    """Answer of VARIANTS."""

    product_variants: Connection[wire.Variant]


class IdOnly(Wire):
    """Something that is there."""

    id: str


class DefinitionData(Wire):
    """Answer of DEFINITION."""

    metafield_definitions: Connection[IdOnly]


class ReadableData(Wire):
    """Answer of READABLE."""

    orders: Connection[IdOnly]


ADD = Operation(
    "mutation AddOrder($order: OrderCreateOrderInput!, $options: OrderCreateOptionsInput) {"
    " orderCreate(order: $order, options: $options) {"
    f" order {{ {_STATE}"
    " lineItems(first: 100) { nodes { quantity variant { id inventoryItem { tracked } } } } }"
    f" {_CODED_ERRORS} }} }}",
    AddedData,
)
BY_REFERENCE = Operation(
    "query FindReference($identifier: OrderIdentifierInput!) {"
    f" orderByIdentifier(identifier: $identifier) {{ {_STATE} }} }}",
    FoundData,
)
REFERENCES = Operation(
    "query ReferencesSince($search: String, $after: String) {"
    " orders(first: 100, after: $after, query: $search, sortKey: CREATED_AT) {"
    f" {_PAGE} nodes {{ id {_METAFIELD} }} }} }}",
    ReferencedData,
)
PURCHASES = Operation(
    "query FindPurchase($search: String) { orders(first: 25, query: $search, sortKey: CREATED_AT, reverse: true) {"
    f" {_PAGE} nodes {{ {_STATE} sourceIdentifier poNumber note customAttributes {{ key value }} {_METAFIELD}"
    " transactions(first: 5) { paymentId } } } }",
    PurchaseData,
)
STATE = Operation(f"query OrderState($id: ID!) {{ order(id: $id) {{ {_STATE} }} }}", StateData)
SHIPPING = Operation(
    "query OrderShipping($id: ID!) { order(id: $id) { id cancelledAt"
    " fulfillments(first: 50) { id status trackingInfo(first: 10) { company number } }"
    " fulfillmentOrders(first: 20) { nodes { id status } } } }",
    ShippingData,
)
CHANGED = Operation(
    "query ChangedOrders($search: String, $after: String) {"
    f" orders(first: 5, after: $after, query: $search, sortKey: UPDATED_AT) {{ {_PAGE} nodes {{"
    " id createdAt updatedAt cancelledAt closed tags taxesIncluded email phone note displayFinancialStatus"
    f" displayFulfillmentStatus paymentGatewayNames totalPriceSet {_MONEY} customAttributes {{ key value }}"
    f" customer {{ id }} billingAddress {{ {_ADDRESS} }} shippingAddress {{ {_ADDRESS} }} {_METAFIELD}"
    f" shippingLines(first: 3) {{ nodes {{ title code discountedPriceSet {_MONEY}"
    f" taxLines {{ ratePercentage priceSet {_MONEY} }} }} }}"
    f" lineItems(first: 10) {{ {_PAGE} nodes {{ {_LINE} }} }} }} }} }}",
    ChangedData,
)
LINES = Operation(
    "query OrderLines($id: ID!, $after: String) {"
    f" order(id: $id) {{ lineItems(first: 50, after: $after) {{ {_PAGE} nodes {{ {_LINE} }} }} }} }}",
    LinesData,
)
VARIANTS = Operation(
    "query FindVariants($search: String, $after: String) {"
    f" productVariants(first: 100, after: $after, query: $search) {{ {_PAGE} nodes {{"
    " id sku barcode displayName inventoryQuantity inventoryItem { tracked } product { id } } } }",
    VariantData,
)
DEFINITION = Operation(
    "query ReferenceDefinition { metafieldDefinitions("
    f'first: 1, ownerType: ORDER, namespace: "{NAMESPACE}", key: "{KEY}") {{ nodes {{ id }} }} }}',
    DefinitionData,
)
DEFINE = Operation(
    "mutation DefineReference($definition: MetafieldDefinitionInput!) {"
    f" done: metafieldDefinitionCreate(definition: $definition) {{ {_CODED_ERRORS} }} }}",
    DoneData,
)
FULFIL = Operation(
    "mutation Fulfil($fulfillment: FulfillmentInput!) {"
    f" done: fulfillmentCreate(fulfillment: $fulfillment) {{ {_ERRORS} }} }}",
    DoneData,
)
TRACK = Operation(
    "mutation UpdateTracking($id: ID!, $tracking: FulfillmentTrackingInput!, $notify: Boolean) {"
    " done: fulfillmentTrackingInfoUpdate("
    f"fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: $notify) {{ {_ERRORS} }} }}",
    DoneData,
)
MARK_PAID = Operation(
    f"mutation MarkPaid($id: ID!) {{ done: orderMarkAsPaid(input: {{id: $id}}) {{ {_ERRORS} }} }}", DoneData
)
CLOSE = Operation(f"mutation CloseOrder($id: ID!) {{ done: orderClose(input: {{id: $id}}) {{ {_ERRORS} }} }}", DoneData)
REOPEN = Operation(
    f"mutation ReopenOrder($id: ID!) {{ done: orderOpen(input: {{id: $id}}) {{ {_ERRORS} }} }}", DoneData
)
CANCEL = Operation(
    "mutation CancelOrder($id: ID!) {"
    " done: orderCancel(orderId: $id, reason: OTHER, restock: true, notifyCustomer: false,"
    " refundMethod: {originalPaymentMethodsRefund: false})"
    " { orderCancelUserErrors { field message code } } }",
    CancelData,
)
TAG = Operation(
    f"mutation TagOrder($id: ID!, $tags: [String!]!) {{ done: tagsAdd(id: $id, tags: $tags) {{ {_ERRORS} }} }}",
    DoneData,
)
UNTAG = Operation(
    f"mutation UntagOrder($id: ID!, $tags: [String!]!) {{ done: tagsRemove(id: $id, tags: $tags) {{ {_ERRORS} }} }}",
    DoneData,
)
STANDING = Operation(
    "query Standing { shop { name currencyCode taxesIncluded }"
    " currentAppInstallation { accessScopes { handle } } publicApiVersions { handle supported } }",
    wire.Standing,
)
READABLE = Operation(
    "query Readable { orders(first: 1) { nodes { id email shippingAddress { lastName } } } }",
    ReadableData,
)
ALL = (
    *(ADD, BY_REFERENCE, REFERENCES, PURCHASES, STATE, SHIPPING, CHANGED, LINES, VARIANTS, DEFINITION, DEFINE),
    *(FULFIL, TRACK, MARK_PAID, CLOSE, REOPEN, CANCEL, TAG, UNTAG, STANDING, READABLE),
)
