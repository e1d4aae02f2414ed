"""The part of Shopify's schema that the simulator has: what is not in it, the simulator refuses as Shopify would.

It is a part of the official one, which a test proves.
"""

from __future__ import annotations

from typing import Any

from orderferry.testing.graphql import Schema, Selection, bare

MOST_POINTS = 1000.0  # of one request

SCHEMA = Schema("""
type QueryRoot {
  order(id: ID!): Order
  orderByIdentifier(identifier: OrderIdentifierInput!): Order
  orders(first: Int, after: String, query: String, reverse: Boolean, sortKey: OrderSortKeys): OrderConnection!
  productVariants(first: Int, after: String, query: String): ProductVariantConnection!
  metafieldDefinitions(first: Int, key: String, namespace: String, ownerType: MetafieldOwnerType!):
    MetafieldDefinitionConnection!
  shop: Shop!
  currentAppInstallation: AppInstallation!
  publicApiVersions: [ApiVersion!]!
}
type Mutation {
  orderCreate(order: OrderCreateOrderInput!, options: OrderCreateOptionsInput): OrderCreatePayload
  orderCancel(
    orderId: ID! reason: OrderCancelReason! restock: Boolean! notifyCustomer: Boolean
    refundMethod: OrderCancelRefundMethodInput
  ): OrderCancelPayload
  orderClose(input: OrderCloseInput!): OrderClosePayload
  orderOpen(input: OrderOpenInput!): OrderOpenPayload
  orderMarkAsPaid(input: OrderMarkAsPaidInput!): OrderMarkAsPaidPayload
  tagsAdd(id: ID!, tags: [String!]!): TagsAddPayload
  tagsRemove(id: ID!, tags: [String!]!): TagsRemovePayload
  fulfillmentCreate(fulfillment: FulfillmentInput!): FulfillmentCreatePayload
  fulfillmentTrackingInfoUpdate(
    fulfillmentId: ID! trackingInfoInput: FulfillmentTrackingInput! notifyCustomer: Boolean
  ): FulfillmentTrackingInfoUpdatePayload
  metafieldDefinitionCreate(definition: MetafieldDefinitionInput!): MetafieldDefinitionCreatePayload
}
type Order {
  id: ID! name: String! createdAt: DateTime! updatedAt: DateTime! cancelledAt: DateTime closed: Boolean!
  tags: [String!]! taxesIncluded: Boolean! email: String phone: String note: String poNumber: String
  sourceIdentifier: String displayFinancialStatus: OrderDisplayFinancialStatus
  displayFulfillmentStatus: OrderDisplayFulfillmentStatus! canMarkAsPaid: Boolean! paymentGatewayNames: [String!]!
  totalPriceSet: MoneyBag! customAttributes: [Attribute!]! customer: Customer billingAddress: MailingAddress
  shippingAddress: MailingAddress metafield(key: String!, namespace: String): Metafield
  lineItems(first: Int, after: String): LineItemConnection! shippingLines(first: Int): ShippingLineConnection!
  transactions(first: Int): [OrderTransaction!]! fulfillments(first: Int): [Fulfillment!]!
  fulfillmentOrders(first: Int): FulfillmentOrderConnection!
}
type LineItem {
  id: ID! name: String! quantity: Int! sku: String requiresShipping: Boolean! variant: ProductVariant
  discountedTotalSet(withCodeDiscounts: Boolean): MoneyBag! taxLines(first: Int): [TaxLine!]!
}
type ShippingLine { title: String! code: String discountedPriceSet: MoneyBag! taxLines: [TaxLine!]! }
type TaxLine { ratePercentage: Float priceSet: MoneyBag! }
type MoneyBag { shopMoney: MoneyV2! }
type MoneyV2 { amount: Decimal! currencyCode: CurrencyCode! }
type Attribute { key: String! value: String }
type Customer { id: ID! }
type Metafield { value: String! }
type MailingAddress {
  firstName: String lastName: String company: String address1: String address2: String city: String zip: String
  provinceCode: String countryCodeV2: CountryCode phone: String
}
type ProductVariant {
  id: ID! sku: String barcode: String displayName: String! inventoryQuantity: Int inventoryItem: InventoryItem!
  product: Product!
}
type InventoryItem { tracked: Boolean! }
type Product { id: ID! }
type OrderTransaction { paymentId: String }
type Fulfillment { id: ID! status: FulfillmentStatus! trackingInfo(first: Int): [FulfillmentTrackingInfo!]! }
type FulfillmentTrackingInfo { company: String number: String }
type FulfillmentOrder { id: ID! status: FulfillmentOrderStatus! }
type Shop { name: String! currencyCode: CurrencyCode! taxesIncluded: Boolean! }
type AppInstallation { accessScopes: [AccessScope!]! }
type AccessScope { handle: String! }
type ApiVersion { handle: String! supported: Boolean! }
type MetafieldDefinition { id: ID! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type OrderConnection { nodes: [Order!]! pageInfo: PageInfo! }
type LineItemConnection { nodes: [LineItem!]! pageInfo: PageInfo! }
type ShippingLineConnection { nodes: [ShippingLine!]! }
type ProductVariantConnection { nodes: [ProductVariant!]! pageInfo: PageInfo! }
type FulfillmentOrderConnection { nodes: [FulfillmentOrder!]! }
type MetafieldDefinitionConnection { nodes: [MetafieldDefinition!]! }
type UserError { field: [String!] message: String! }
type OrderCreateUserError { field: [String!] message: String! code: OrderCreateUserErrorCode }
type OrderCancelUserError { field: [String!] message: String! code: OrderCancelUserErrorCode }
type MetafieldDefinitionCreateUserError {
  field: [String!] message: String! code: MetafieldDefinitionCreateUserErrorCode
}
type OrderCreatePayload { order: Order userErrors: [OrderCreateUserError!]! }
type OrderCancelPayload { orderCancelUserErrors: [OrderCancelUserError!]! }
type OrderClosePayload { userErrors: [UserError!]! }
type OrderOpenPayload { userErrors: [UserError!]! }
type OrderMarkAsPaidPayload { userErrors: [UserError!]! }
type TagsAddPayload { userErrors: [UserError!]! }
type TagsRemovePayload { userErrors: [UserError!]! }
type FulfillmentCreatePayload { userErrors: [UserError!]! }
type FulfillmentTrackingInfoUpdatePayload { userErrors: [UserError!]! }
type MetafieldDefinitionCreatePayload { userErrors: [MetafieldDefinitionCreateUserError!]! }

input OrderIdentifierInput { customId: UniqueMetafieldValueInput id: ID }
input UniqueMetafieldValueInput { namespace: String key: String! value: String! }
input OrderCancelRefundMethodInput { originalPaymentMethodsRefund: Boolean }
input OrderCloseInput { id: ID! }
input OrderOpenInput { id: ID! }
input OrderMarkAsPaidInput { id: ID! }
input MetafieldDefinitionInput {
  name: String! namespace: String key: String! ownerType: MetafieldOwnerType! type: String!
}
input FulfillmentInput {
  lineItemsByFulfillmentOrder: [FulfillmentOrderLineItemsInput!]! notifyCustomer: Boolean
  trackingInfo: FulfillmentTrackingInput
}
input FulfillmentOrderLineItemsInput { fulfillmentOrderId: ID! }
input FulfillmentTrackingInput { company: String number: String numbers: [String!] url: URL urls: [URL!] }
input OrderCreateOptionsInput {
  inventoryBehaviour: OrderCreateInputsInventoryBehavior sendReceipt: Boolean sendFulfillmentReceipt: Boolean
}
input OrderCreateOrderInput {
  billingAddress: MailingAddressInput currency: CurrencyCode customAttributes: [OrderCreateCustomAttributeInput!]
  email: String financialStatus: OrderCreateFinancialStatus lineItems: [OrderCreateLineItemInput!]
  metafields: [MetafieldInput!] note: String phone: String poNumber: String processedAt: DateTime
  shippingAddress: MailingAddressInput shippingLines: [OrderCreateShippingLineInput!] sourceIdentifier: String
  tags: [String!] taxesIncluded: Boolean transactions: [OrderCreateOrderTransactionInput!]
}
input OrderCreateCustomAttributeInput { key: String! value: String! }
input OrderCreateLineItemInput {
  priceSet: MoneyBagInput properties: [OrderCreateLineItemPropertyInput!] quantity: Int! requiresShipping: Boolean
  sku: String taxLines: [OrderCreateTaxLineInput!] taxable: Boolean title: String variantId: ID
}
input OrderCreateLineItemPropertyInput { name: String! value: String! }
input OrderCreateTaxLineInput { title: String! rate: Decimal! priceSet: MoneyBagInput }
input OrderCreateShippingLineInput {
  title: String! code: String priceSet: MoneyBagInput! taxLines: [OrderCreateTaxLineInput!]
}
input OrderCreateOrderTransactionInput {
  amountSet: MoneyBagInput! gateway: String kind: OrderTransactionKind status: OrderTransactionStatus
  processedAt: DateTime
}
input MoneyBagInput { shopMoney: MoneyInput! }
input MoneyInput { amount: Decimal! currencyCode: CurrencyCode! }
input MetafieldInput { namespace: String key: String type: String value: String }
input MailingAddressInput {
  firstName: String lastName: String company: String address1: String address2: String city: String zip: String
  provinceCode: String countryCode: CountryCode phone: String
}
""")


def points(selections: list[Selection], owner: str = "QueryRoot") -> float:
    """What a request may cost: a point for each object, as often as the `first` of the lists around it says.

    Source: https://shopify.dev/docs/api/usage/limits
    """
    total = 0.0
    for one in selections:
        kind = bare(SCHEMA.types[owner][one.name].type)
        if kind not in SCHEMA.types:
            continue
        times: Any = one.arguments.get("first", 1)
        inner = points(one.selections, kind)
        total += 2 + times * inner if kind.endswith("Connection") else times * (1 + inner)
    return total
