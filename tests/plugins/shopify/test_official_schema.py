"""Shopify's official schema holds for what we send, what the simulator has, and what it answers."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    build_schema,
    execute,
    parse,
    specified_rules,
    validate,
)

from orderferry import OrderRef, Parcel, PaymentKind, PaymentState
from orderferry.forward import ForwardPayment
from orderferry.testing.graphql import bare
from plugins.shops.shopify.documents import ALL
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.simulator import ShopifySimulator
from plugins.shops.shopify.simulator_schema import SCHEMA
from tests.plugins.shopify.asking import SINCE, add, every_page, held, order

CUT_AWAY = """
extend type AppInstallation { accessScopes: [AccessScope!]! }
type AccessScope { handle: String! }
extend type Mutation {
  metafieldDefinitionCreate(definition: MetafieldDefinitionInput!): MetafieldDefinitionCreatePayload
}
input MetafieldDefinitionInput {
  name: String! namespace: String key: String! ownerType: MetafieldOwnerType! type: String!
}
type MetafieldDefinitionCreatePayload { userErrors: [MetafieldDefinitionCreateUserError!]! }
type MetafieldDefinitionCreateUserError {
  field: [String!] message: String! code: MetafieldDefinitionCreateUserErrorCode
}
enum MetafieldDefinitionCreateUserErrorCode { TAKEN }
"""
"""What the description beside this checkout leaves out, as shopify.dev has it."""


@cache
def official(path: Path) -> GraphQLSchema:
    without_prose = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)  # a quarter of it is left to be read
    return build_schema(without_prose + CUT_AWAY, assume_valid=True, no_location=True)


@pytest.fixture
def schema(shared: Path) -> GraphQLSchema:
    return official(shared / "specs/shopify/admin_2026-10.trimmed.graphql")


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_every_document_is_valid_and_asks_nothing_that_is_about_to_go(schema: GraphQLSchema, operation: Any) -> None:
    rules = [*specified_rules, NoDeprecatedCustomRule]
    assert validate(schema, parse(operation.document), rules) == []


def test_the_simulator_has_nothing_that_shopify_has_not(schema: GraphQLSchema) -> None:
    for name, fields in SCHEMA.types.items():
        kind = schema.get_type(name)
        assert isinstance(kind, GraphQLObjectType), name
        for field, ours in fields.items():
            theirs = kind.fields[field]
            assert str(theirs.type) == ours.type, f"{name}.{field}"
            for argument, type_ in ours.arguments.items():
                assert bare(str(theirs.args[argument].type)) == bare(type_), f"{name}.{field}({argument})"
    for name, inputs in SCHEMA.inputs.items():
        entry = schema.get_type(name)
        assert isinstance(entry, GraphQLInputObjectType), name
        assert {field: str(entry.fields[field].type) for field in inputs} == inputs, name


async def test_variables_and_answers_fit_the_schema(
    schema: GraphQLSchema, shop: Shopify, sim: ShopifySimulator
) -> None:
    """A whole story of orders is told; each request and answer on its way is held against the official schema."""
    answers: list[Any] = []
    execute_here = SCHEMA.execute

    def noting(*arguments: Any) -> Any:
        answers.append(execute_here(*arguments))
        return answers[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SCHEMA, "execute", noting)
        await _story(shop, sim)
    assert len(answers) == len(sim.served)
    seen = set()
    for served, answer in zip(sim.served, answers, strict=True):
        asked = json.loads(served.body)
        seen.add(asked["operationName"])
        document = parse(asked["query"])
        plain = json.loads(json.dumps(answer))
        result = execute(schema, document, plain, variable_values=asked["variables"], field_resolver=_held)
        assert isinstance(result, ExecutionResult)
        assert not result.errors, (asked["operationName"], result.errors)
        assert result.data == plain
    assert seen == {operation.name for operation in ALL} - {"OrderLines"}


def _held(source: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
    return source[info.path.key]


async def _story(shop: Shopify, sim: ShopifySimulator) -> None:
    await shop.check()
    await shop.find_purchase(order(1))
    paid = await add(shop, order(1, status="tag:packing"))
    owed = await add(shop, order(2, payment=ForwardPayment(kind=PaymentKind.ONLINE, paid=False)))
    await shop.find_order("of-kit-1", SINCE)
    await shop.find_order("of-kit-nowhere", SINCE)
    await shop.set_payment(OrderRef(id=owed.id), PaymentState(paid=True))
    await shop.set_status(OrderRef(id=paid.id), "tag:waiting")
    await shop.set_tracking(OrderRef(id=paid.id), [Parcel(carrier="InPost", number="1")])
    await shop.set_tracking(OrderRef(id=paid.id), [Parcel(carrier="InPost", number="2")])
    await shop.set_status(OrderRef(id=paid.id), "closed")
    await shop.set_status(OrderRef(id=paid.id), "open")
    await shop.set_status(OrderRef(id=owed.id), "cancelled")
    sim.place_order()
    assert held(sim, owed)["cancelledAt"]
    assert [entry for page in await every_page(shop) for entry in page.orders]
