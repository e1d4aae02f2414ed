"""The columns, keys and elements of a source -> the fields of an order, by the seller's mapping or by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from daemon.core.import_values import folded
from orderferry import PaymentKind


class Field(Struct, frozen=True):
    """A field of an order (or of each line) that a source may fill.

    `names` are folded column names that mean it wherever they stand, `inside` those that mean it only where the source
    itself tells order and line apart, as nested JSON and XML do.
    """

    about: str
    names: tuple[str, ...]
    inside: tuple[str, ...] = ()
    of_line: bool = False


def _field(about: str, names: str, inside: str = "", *, of_line: bool = False) -> Field:
    return Field(about, tuple(names.split()), tuple(inside.split()), of_line)


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "number": _field(
            "the order's number; lines that stand together under one number are one order",
            "number ordernumber orderno ordernr orderid numerzamowienia nrzamowienia idzamowienia externalid",
            "id nr numer",
        ),
        "ordered_at": _field(
            "when it was bought; without it, when the file was last changed",
            "orderedat orderdate date createdat datecreated purchasedate data datazamowienia datazlozenia datazakupu",
            "created",
        ),
        "currency": _field("three letters, such as PLN", "currency currencycode waluta"),
        "total": _field(
            "what the buyer pays in all; must be the sum of lines and delivery, and is computed without it",
            "total ordertotal totalamount totalgross suma razem dozaplaty wartosczamowienia kwotazamowienia",
        ),
        "comment": _field("what the buyer wrote", "comment note notes customernote uwagi komentarz wiadomosc"),
        "login": _field("the buyer's name at the source", "login username buyerlogin"),
        "email": _field("the buyer's e-mail address", "email mail buyeremail customeremail adresemail"),
        "phone": _field("the buyer's telephone", "phone phonenumber mobile telefon tel nrtelefonu numertelefonu"),
        "recipient": _field(
            "whom the parcel goes to: first and last name in one; or the next two",
            "fullname customername buyername imieinazwisko imienazwisko odbiorca klient kupujacy",
            "name",
        ),
        "first_name": _field("first name", "firstname imie"),
        "last_name": _field("last name", "lastname surname nazwisko"),
        "company": _field("company", "company companyname firma nazwafirmy"),
        "street": _field("street, with the house's number", "street streetaddress address address1 ulica adres adres1"),
        "house": _field("the house's number, where it stands apart", "housenumber buildingnumber nrdomu numerdomu"),
        "flat": _field("the flat's number, where it stands apart", "flatnumber apartment nrlokalu nrmieszkania"),
        "street2": _field("the address's second line", "street2 address2 addressline2 adres2"),
        "postcode": _field("postcode", "postcode postalcode zip zipcode kodpocztowy"),
        "city": _field("town", "city town miasto miejscowosc"),
        "state": _field("state or region", "state province region wojewodztwo"),
        "country": _field("two letters, such as PL", "country countrycode kraj panstwo"),
        "pickup_point": _field(
            "the parcel locker's code, such as POZ08A",
            "pickuppoint pickuppointid parcellocker lockerid paczkomat kodpaczkomatu punktodbioru",
        ),
        "delivery_method": _field(
            "how the parcel goes, by its name",
            "deliverymethod shippingmethod dostawa sposobdostawy metodadostawy formadostawy",
        ),
        "delivery_cost": _field(
            "what the buyer pays for the delivery; nothing without it",
            "deliverycost deliveryprice shippingcost shippingprice kosztdostawy kosztwysylki cenadostawy",
        ),
        "payment": _field(
            "how is paid, by its name", "payment paymentmethod platnosc sposobplatnosci formaplatnosci metodaplatnosci"
        ),
        "paid": _field("whether the whole is paid: yes or no; not paid without it", "paid ispaid oplacone zaplacono"),
        "paid_amount": _field("how much has come in", "paidamount amountpaid kwotawplaty wplata"),
        "tax_id": _field("the tax number for the invoice", "taxid vatid vatnumber nip"),
        "invoice_name": _field("whom the invoice is for", "invoicename billingname nazwafaktura"),
        "invoice_company": _field("the company on the invoice", "invoicecompany billingcompany firmafaktura"),
        "invoice_street": _field("its street; the delivery address without it", "invoicestreet billingstreet"),
        "invoice_postcode": _field("its postcode", "invoicepostcode billingpostcode"),
        "invoice_city": _field("its town", "invoicecity billingcity"),
        "invoice_country": _field("its country", "invoicecountry billingcountry"),
        "product": _field(
            "the product's name; or the SKU alone",
            "product productname itemname produkt nazwaproduktu towar nazwatowaru nazwa",
            "name title",
            of_line=True,
        ),
        "sku": _field(
            "the product's SKU", "sku productcode itemsku kodproduktu symbol indeks", "code kod", of_line=True
        ),
        "ean": _field("the product's EAN", "ean ean13 gtin kodean barcode", of_line=True),
        "quantity": _field("how many", "quantity qty ilosc liczbasztuk sztuk szt", "liczba", of_line=True),
        "price": _field(
            "what one piece costs, tax included",
            "price unitprice itemprice grossprice cena cenabrutto cenajednostkowa",
            of_line=True,
        ),
        "line_total": _field(
            "the line's total; must be price x quantity",
            "linetotal wartoscpozycji wartosclinii",
            "total wartosc",
            of_line=True,
        ),
        "tax_rate": _field("its tax rate in per cent", "taxrate vatrate vat stawkavat", of_line=True),
    }
)

LISTS_OF_LINES = frozenset(
    ["lines", "items", "lineitems", "orderlines", "orderitems", "products", "pozycje", "produkty", "towary"]
)
LISTS_OF_ORDERS = frozenset(["orders", "zamowienia", "data", "results", "records"])

MOST_COLUMNS = 2_000

_NEUTRAL = frozenset(
    ["order", "buyer", "customer", "client", "delivery", "shipping", "address", "deliveryaddress", "shippingaddress"]
)
_OF_INVOICE: Mapping[str, str] = {
    "invoice": "invoice",
    "billing": "billing",
    "invoiceaddress": "invoice",
    "billingaddress": "billing",
}


class FileShape(Struct, frozen=True, kw_only=True):
    """[file] of a mapping: what can't be told by looking at the file.

    `orders` is the key of JSON's list of orders or the name of XML's element for each, `lines` the path to an order's
    lines in it (`items.item`).
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: Literal[",", "."] | None = None
    dates: str | None = None
    orders: str | None = None
    lines: str | None = None


class SourceMap(Struct, frozen=True, kw_only=True):
    """What a seller says of a source; the empty one leaves everything to the columns' names.

    `columns` names each field's column ("" for none), `defaults` what holds where a cell is empty, `payments` the
    source's words for the kinds of payment.
    """

    file: FileShape = FileShape()
    columns: Mapping[str, str] = {}
    defaults: Mapping[str, str] = {}
    payments: Mapping[str, PaymentKind] = {}


class UnclearColumns(Exception):  # noqa: N818 - says what is the case, like the contract's own errors
    """The source's columns are not enough: what is missing or meant twice, and a mapping file to begin with."""

    def __init__(self, problems: Sequence[str], start: str = "") -> None:
        super().__init__("; ".join(problems))
        self.start = start


class Columns:
    """Which column means which field, as far as the columns have been seen.

    `lines` is the path below which a nested source has an order's lines; None where every row is flat.
    """

    def __init__(self, mapping: SourceMap, lines: str | None = None) -> None:
        self.found: dict[str, str | None] = {}
        self._mapping = mapping
        self._lines = lines.split(".") if lines else []
        self._by_column = {column: field for field, column in mapping.columns.items() if column}

    def field(self, column: str) -> str | None:
        """The field of a column, None for one that means nothing here; raises `UnclearColumns`."""
        if column not in self.found:
            if len(self.found) >= MOST_COLUMNS:
                raise UnclearColumns([f"there are more than {MOST_COLUMNS:,} different columns; where are the orders?"])
            found = self._by_column.get(column) or self._recognised(column)
            rival = next((name for name, field in self.found.items() if found is not None and field == found), None)
            if rival is not None:
                which = f"the columns {rival!r} and {column!r} both look like {found}"
                raise UnclearColumns([f'{which}; say which it is: under [columns], {found} = "..."'])
            self.found[column] = found
        return self.found[column]

    def fields(self, columns: Iterable[str]) -> dict[str, str]:
        """The columns that mean something -> their fields; raises `UnclearColumns`."""
        return {column: field for column in columns if (field := self.field(column)) is not None}

    def column(self, field: str) -> str | None:
        """The column of a field; None where no column means it."""
        return next((column for column, found in self.found.items() if found == field), None)

    def unused(self) -> tuple[str, ...]:
        """The columns so far that mean nothing here."""
        return tuple(column for column, field in self.found.items() if field is None)

    def check(self, columns: Sequence[str], *, whole: bool = True) -> None:
        """Raises `UnclearColumns` where an order can't be made of these columns, the `whole` of them or some."""
        have = set(self.fields(columns).values()) | self._mapping.defaults.keys()
        problems = [
            f"no column for {_missing(field)}" for field in ("number", "quantity", "price") if field not in have
        ]
        if not have & {"product", "sku"}:
            problems.append(f"no column for {_missing('product')}")
        if "currency" not in have:
            problems.append('no column for the currency, and no currency = "PLN" under [defaults]')
        if "pickup_point" not in have and not {"street", "city"} <= have:
            problems.append("no columns for an address (street and city), nor for a pickup point")
        if "street" in have and "country" not in have:
            problems.append('no column for the country, and no country = "PL" under [defaults]')
        gone = [column for column in self._by_column if whole and column not in columns]
        problems += [f"the mapping names the column {column!r}, which is not in the file" for column in gone]
        if problems:
            raise UnclearColumns(problems, start_of_mapping(self, columns, self._mapping))

    def _recognised(self, column: str) -> str | None:
        parts = column.split(".")
        nested, depth = bool(self._lines), len(self._lines)
        of_line = nested and parts[:depth] == self._lines
        spellings = _spellings(parts[depth:] if of_line else parts)
        for field, about in FIELDS.items():
            if field in self._mapping.columns or (nested and about.of_line is not of_line):
                continue
            if not spellings.isdisjoint((folded(field), *about.names, *(about.inside if nested else ()))):
                return field
        return None


def _spellings(parts: Sequence[str]) -> set[str]:
    """How a path may be written as one name: whole, and without what only says whose it is."""
    words = [folded(part) for part in parts]
    invoice = next((_OF_INVOICE[word] for word in words if word in _OF_INVOICE), "")
    short = "".join(word for word in words if word not in _NEUTRAL and word not in _OF_INVOICE)
    return {"".join(words), invoice + short}


def _missing(field: str) -> str:
    return f"{field} ({FIELDS[field].about})"


def start_of_mapping(columns: Columns, seen: Sequence[str], mapping: SourceMap) -> str:
    """A mapping file to begin with: what was recognised filled in, the rest as lines to be switched on."""
    by_field = {field: column for column, field in columns.found.items() if field is not None}
    lines = [
        "# Which column of the file is which field of an order: take a # away and write the column between the quotes.",
        "# The columns of this file:",
        *(f"#   {_quoted(column)}" for column in seen),
        "",
        "[columns]",
    ]
    for field, about in FIELDS.items():
        column = by_field.get(field)
        written = f"{field} = {_quoted(column)}" if column is not None else f'#{field} = ""'
        lines.append(f"{written}  # {about.about}")
    lines += ["", "[defaults]", "# What holds where a column is missing or its cell empty."]
    for field, value in {"currency": "PLN", "country": "PL"}.items():
        given = mapping.defaults.get(field)
        lines.append(f"{field} = {_quoted(given)}" if given is not None else f'#{field} = "{value}"')
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
