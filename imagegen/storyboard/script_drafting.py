"""A draft put together from what a reader finds in a script, and all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imagegen.errors import Place, Problem, WrongInput
from imagegen.items import in_order
from imagegen.storyboard import checking
from imagegen.storyboard import script_settings as settings
from imagegen.storyboard.script import Character, Draft, Sentence
from imagegen.storyboard.script_settings import Of

MOST_SENTENCES = 100_000


class Said(NamedTuple):
    """A value as a script has it, what the script calls it, and where that stands."""

    value: Any
    called: str
    place: Place


class Drafting:
    """Takes what the script in ``file`` says of its project, characters and sentences, in their order."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._settings: dict[str, Any] = {}
        self._settings_at: dict[str, Place] = {}
        self._characters: dict[str, Character] = {}
        self._sentences: list[Sentence] = []
        self._names: dict[str, Place] = {}

    def problem(self, message: str, place: Place, hint: str = "") -> None:
        self.problems.append(Problem(message, place=place, hint=hint))

    def note(self, message: str, place: Place, hint: str = "") -> None:
        self.notes.append(Problem(message, place=place, hint=hint))

    def key(self, written: str, of: Of, place: Place, lenient: bool = False) -> str:
        """The setting that a script calls ``written``; empty for none, which is an error. Where the script is
        ``lenient`` (it may hold what is for other readers), only what is nearly a setting is one."""
        found = settings.key_of(written, of)
        if not found:
            meant = settings.nearly(written, of)
            if lenient and not meant:
                self.note(f'"{written}" is not read', place, settings.mend(written, of))
            else:
                self.problem(f'{of.value} has no "{written}"', place, settings.mend(written, of))
        return found

    def put(self, said: dict[str, Said], key: str, new: Said) -> None:
        """Take one more setting of a character or a sentence; the same one twice is an error."""
        if key in said:
            first = f", first in line {said[key].place.line}" if said[key].place.line else ""
            self.problem(f'"{new.called}" stands twice here{first}', new.place, "keep one")
        else:
            said[key] = new

    def project(self, said: Mapping[str, Said]) -> None:
        """Settings of the project; those of an earlier call must be others."""
        for key, value in self._checked(said, Of.PROJECT).items():
            for own, of_it in zip(("width", "height"), value, strict=True) if key == "size" else ((key, value),):
                if own in self._settings:
                    first = self._settings_at[own].line
                    hint = f"it stands in line {first} already: keep one" if first else "keep one"
                    self.problem(f"the project's {own.replace('_', ' ')} stands twice", said[key].place, hint)
                self._settings[own], self._settings_at[own] = of_it, said[key].place
        self._check_size()

    def _check_size(self) -> None:
        """A ratio and both sides must agree: else the sides, which decide, would change the ratio each time."""
        width, height, ratio = (self._settings.get(key) for key in ("width", "height", "aspect_ratio"))
        if width and height and ratio and checking.ratio_of(width, height, ratio) != ratio:
            message = f"aspect_ratio {ratio} is not that of {width} x {height} pixels"
            self.problem(message, self._settings_at["aspect_ratio"], "give one of the two")

    def character(self, said: Mapping[str, Said], place: Place) -> None:
        given = self._checked(said, Of.CHARACTER)
        called = given.pop("name", "")
        if not called:
            if "name" not in said:
                self.problem("a character has no name", place, "give it one")
        elif called in self._characters:
            first = self._characters[called].place.line
            self.problem(f'two characters are called "{called}"', place, f"the first in line {first}" if first else "")
        else:
            self._characters[called] = Character(called, given, place)

    def sentence(self, said: Mapping[str, Said], place: Place) -> None:
        given = self._checked(said, Of.SENTENCE)
        text = given.pop("text", "")
        if not text and not given.get("image_prompt"):
            if "text" not in said or said["text"].value in ("", None):
                self.problem("a sentence has neither text nor prompt", place, "the picture is made of one of them")
            return
        called = given.get("name")
        if called in self._names:
            line = self._names[called].line
            hint = f"the first in line {line}; each has a name of its own" if line else "each has a name of its own"
            self.problem(f'two sentences are called "{called}"', said["name"].place, hint)
        elif called:
            self._names[called] = said["name"].place
        cast_at = said["characters"].place if "characters" in said else place
        self._sentences.append(Sentence(text, given, place, cast_at))

    def draft(self) -> Draft:
        """What the script says. Raises WrongInput with all that is wrong."""
        if not self._sentences and not self.problems:
            self.problem("holds no sentence", Place(self.file), "a script is paragraphs, rows or a list of sentences")
        if len(self._sentences) > MOST_SENTENCES:
            self.problem(f"has {len(self._sentences)} sentences; at most {MOST_SENTENCES} can be", Place(self.file))
        if self.problems:
            raise WrongInput(in_order(self.problems))
        own = dict(self._settings)
        title = own.pop("name", "")
        return Draft(self.file, title, own, [*self._characters.values()], self._sentences, in_order(self.notes))

    def _checked(self, said: Mapping[str, Said], of: Of) -> dict[str, Any]:
        """The values that can be had; what is wrong with the others joins the problems."""
        found = {}
        for key, one in said.items():
            try:
                found[key] = settings.SETTINGS[of][key](one.called, one.value)
            except WrongInput as error:
                self.problem(error.problems[0].message, one.place, error.problems[0].hint)
        return found
