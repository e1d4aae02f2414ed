"""Which of a platform's choices is meant by one of our words: by likeness, for a person to look at and to accept.

Two names are alike where they say the same things of the trade in whatever words ("Kurier DPD" and "DPD courier").
Where they say different ones they are never proposed for each other, however alike they look ("Kurier DPD" and
"Kurier UPS").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from daemon.core.trade_words import BRANDS, BY_KIND, GROUPS, METHODS, NEXT_BEST, SAYS_NOTHING
from orderferry import Choice, ChoiceKind

ENOUGH = 0.5
_CONCEPT_WEIGHT = 3.0
_NEXT_BEST_WORTH = 0.8
_STEM = 6  # Polish words differ in their endings
_CONCEPTS = frozenset[str]().union(*GROUPS, (concept for concept, _ in METHODS)) - BRANDS.keys()
_PLAIN_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe"})


class Ours(Struct, frozen=True, kw_only=True):
    """One of our words: the key of its entry in config.toml, and the names by which people know it.

    `begins` says of a status that an order may be added with it.
    """

    key: str
    names: tuple[str, ...]
    begins: bool = False


def propose(ours: Iterable[Ours], choices: Sequence[Choice], kind: ChoiceKind) -> Mapping[str, Choice]:
    """The most alike choice for each of our keys that has one.

    A choice that none of our orders may be given is proposed for nothing, one that no order may be added with for no
    status that an order may be added with. Where two choices are equally alike, none is proposed.
    """
    found = {}
    for one in ours:
        allowed = [choice for choice in choices if choice.never is None and not (one.begins and choice.not_new)]
        scored = [(max(_likenesses(one, choice, kind), default=0.0), choice) for choice in allowed]
        best = max((score for score, _ in scored), default=0.0)
        winners = [choice for score, choice in scored if score == best]
        if best >= ENOUGH and len(winners) == 1:
            found[one.key] = winners[0]
    return found


def plain(text: str) -> str:
    """The text in small letters without diacritics, its words apart by one blank, and nothing else."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", bare.translate(_PLAIN_LETTERS)))


def meaning(text: str, kind: ChoiceKind) -> frozenset[str]:
    """What a name says: the concepts of the trade in it, and the beginnings of its other words."""
    rest = plain(text)
    said = set()
    for concept, pattern in BY_KIND.get(kind, METHODS):
        rest, times = re.subn(rf"\b(?:{pattern})\b", "/", rest)
        if times:
            said.add(concept)
    words = {word for word in re.findall(r"\w+", rest) if word not in SAYS_NOTHING and not word.isdigit()}
    said |= {word if word in _CONCEPTS else word[:_STEM] for word in words}
    return frozenset(said | {BRANDS[word] for word in said & BRANDS.keys()})


def likeness(ours: frozenset[str], theirs: frozenset[str]) -> float:
    """How alike two meanings are: 1 where they are the same, 0 where they share nothing or contradict each other."""
    if any((mine := ours & group) and (other := theirs & group) and not mine & other for group in GROUPS):
        return 0.0
    both = _weight(ours) + _weight(theirs)
    return 2 * _weight(ours & theirs) / both if both else 0.0


def _likenesses(ours: Ours, choice: Choice, kind: ChoiceKind) -> Iterable[float]:
    theirs = {meaning(text, kind) for text in (choice.title, choice.id)}
    for name in ours.names:
        mine = meaning(name, kind)
        instead = frozenset(NEXT_BEST.get(concept, concept) for concept in mine)
        for other in theirs:
            yield likeness(mine, other)
            if instead != mine:
                yield _NEXT_BEST_WORTH * likeness(instead, other)


def _weight(said: frozenset[str]) -> float:
    return sum(_CONCEPT_WEIGHT if one in _CONCEPTS else 1.0 for one in said)
