"""Scripts of Markdown, CSV and JSON: what a person writes there, what it says, and how mistakes are told."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from imagegen.errors import WrongInput
from imagegen.storyboard import script, script_json, script_markdown, script_table
from imagegen.storyboard.script import Draft


def page(text: str) -> Draft:
    return script_markdown.parse(textwrap.dedent(text), "script.md")


def table(text: str) -> Draft:
    return script_table.parse(textwrap.dedent(text), "script.csv")


def of_json(value: Any) -> Draft:
    return script_json.parse(json.dumps(value).encode(), "script.json")


def wrong(read: Any, text: Any) -> list[str]:
    with pytest.raises(WrongInput) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def texts(draft: Draft) -> list[str]:
    return [one.text for one in draft.sentences]


# --- Markdown: what is a sentence -----------------------------------------------------------------


def test_paragraphs_and_entries_of_lists_are_sentences() -> None:
    draft = page("""\
        # The Ferry

        Ada poles the ferry
        into *the* mist.

        1. Bo sits in the bow.
        2. A heron
           stands.

           And looks.

        - They are `home`.
        """)
    assert draft.name == "The Ferry"
    assert texts(draft) == [
        "Ada poles the ferry into the mist.",
        "Bo sits in the bow.",
        "A heron stands. And looks.",
        "They are home.",
    ]
    assert [one.place.line for one in draft.sentences] == [3, 6, 7, 12]


def test_twelve_lines_are_twelve_sentences() -> None:
    lines = [f"Sentence {number} is short." for number in range(12)]
    assert texts(page("\n".join(lines))) == lines
    assert texts(page("# Title\n\n" + "\n".join(lines[:6]) + "\n\n" + "\n".join(lines[6:]))) == lines
    assert texts(page("\n\n".join(lines))) == lines
    without_ends = [f"Sentence {number}" for number in range(12)]
    assert texts(page("\n".join(without_ends))) == without_ends


def test_a_wrapped_paragraph_is_one_sentence() -> None:
    assert texts(page("Ada poles the ferry\ninto the mist.\n")) == ["Ada poles the ferry into the mist."]
    wrapped = "Ada poles. She\nlooks up.\n\nA bell rings.\nBo wakes.\n"
    assert texts(page(wrapped)) == ["Ada poles. She looks up.", "A bell rings. Bo wakes."]


def test_headings_are_scenes_or_sentences() -> None:
    scenes = page("# F\n## At dawn\nAda poles.\n\n## At noon\n### On land\nBo runs.\n\n## Later\n")
    assert texts(scenes) == ["Ada poles.", "Bo runs."]
    assert [str(note) for note in scenes.notes] == ['script.md:9: there is no sentence below "Later"']
    assert texts(page("# F\n## Ada poles\n## Bo runs\n### fast\n")) == ["Ada poles", "fast"]
    with_settings = page("# F\n## Ada poles\n**Prompt:** a ferry\n\n## Bo runs\n- **Seed:** 3\n")
    assert texts(with_settings) == ["Ada poles", "Bo runs"]
    assert [dict(one.given) for one in with_settings.sentences] == [{"image_prompt": "a ferry"}, {"seed": 3}]


def test_quotes_and_comments_are_notes_and_indented_text_is_no_code() -> None:
    assert texts(page("> a note\n\n<!-- another -->\n\n    Ada poles.\n")) == ["Ada poles."]


# --- Markdown: settings ---------------------------------------------------------------------------


def test_settings_stand_below_their_sentence_in_lines_or_lists() -> None:
    draft = page("""\
        ## Characters
        - **Ada:** a ferrywoman
        - Bo

        ## Script
        Ada poles.
        **Prompt:** an old ferrywoman,
        poling
        **Characters:** Ada; Bo
        **Seed:** 18446744073709551615

        1. Bo sits.
           - **Image prompt:** a boy
           - **Style LoRA:** none
           - **References:** art/a.png, art/b.png
           - **Name:** bow

        **Ada:** Where are we?

        **Prompt:**
        ```
        fenced,
        in two lines
        ```
        """)
    assert [dict(one.given) for one in draft.sentences] == [
        {"image_prompt": "an old ferrywoman, poling", "characters": ["Ada", "Bo"], "seed": 2**64 - 1},
        {"image_prompt": "a boy", "style_lora": "", "references": ["art/a.png", "art/b.png"], "name": "bow"},
        {"image_prompt": "fenced,\nin two lines"},
    ]
    assert texts(draft)[2] == "Ada: Where are we?"


def test_an_empty_setting_says_that_there_is_none() -> None:
    draft = page("Ada poles.\n\n- **Prompt:**\n- **Characters:**\n- **Seed:**\n\nBo sits.\n")
    assert dict(draft.sentences[0].given) == {"image_prompt": "", "characters": [], "seed": None}
    assert dict(draft.sentences[1].given) == {}


def test_the_projects_settings_stand_above_or_in_front_matter() -> None:
    draft = page("""\
        ---
        style_lora: ink.safetensors:0.8
        workflow: w.json
        date: 2026-01-01
        ---
        # The Ferry

        **Style:** ink
        **Size:** 1000x500
        - **Negative prompt:** text

        Ada poles.
        """)
    assert draft.settings == {
        "style_lora": "ink.safetensors:0.8",
        "workflow": "w.json",
        "style": "ink",
        "width": 1000,
        "height": 500,
        "negative_prompt": "text",
    }
    assert [note.message for note in draft.notes] == ['"date" is not read']


def test_characters_by_headings_lists_pictures_and_front_matter() -> None:
    draft = page("""\
        ---
        characters:
          - name: Cy
            lora: cy.safetensors
          - Di
        ---
        ## Characters
        - **Ada:** a ferrywoman
          of sixty
          - **LoRA:** ada.safetensors:0.5
        - Bo — a boy

        ### Em
        A heron.

        - with **long** legs

        ![](art/em%201.png)

        ## Script
        Go.
        """)
    assert [(one.name, dict(one.given)) for one in draft.characters] == [
        ("Cy", {"lora": "cy.safetensors"}),
        ("Di", {}),
        ("Ada", {"description": "a ferrywoman of sixty", "lora": "ada.safetensors:0.5"}),
        ("Bo", {"description": "a boy"}),
        ("Em", {"description": "A heron.\n\nwith long legs", "references": ["art/em 1.png"]}),
    ]


def test_a_film_may_be_called_characters() -> None:
    assert page("# Characters\n\nAda poles.\n").name == "Characters"


def test_all_that_is_wrong_with_a_page_is_told_at_once() -> None:
    told = wrong(
        page,
        """\
        ---
        styl: ink
        ---
        # F

        **Seed:** 7

        ## Characters
        **LoRA:** nobody.safetensors

        ### Ada
        **LoRA:** a.safetensors:much
        **Referenzes:** x.png

        ## Script
        Ada poles.
        **Promt:** x
        **Style:** ink
        **Seed:** -3
        **Seed:** 4
        **Camera:** close
        **References:** ../secret.png

        | a | b |
        |---|---|
        | c | d |

        **Name:** two
        **Name:** three

        ```
        open
        """,
    )
    beginnings = [
        'script.md:2: the project has no "styl" (did you mean "style"?)',
        'script.md:6: "Seed" is a setting of a sentence',
        'script.md:9: "LoRA" is of no character',
        "script.md:12: LoRA:",
        'script.md:13: unknown setting "Referenzes" (did you mean "references"?',
        'script.md:17: unknown setting "Promt" (did you mean "prompt"?',
        'script.md:18: "Style" is a setting of the project (put it above the first sentence)',
        "script.md:19: seed is '-3'",
        'script.md:20: "Seed" stands twice here, first in line 19',
        'script.md:21: unknown setting "Camera" (a sentence has text, image_prompt,',
        'script.md:22: References "../secret.png" is no path inside the project',
        "script.md:24: tables are not read",
        'script.md:29: "Name" stands twice here, first in line 28',
        "script.md:31: this fenced block is never closed",
    ]
    assert len(told) == len(beginnings), told
    for line, beginning in zip(told, beginnings, strict=True):
        assert line.startswith(beginning), line


def test_sizes_that_disagree_are_told() -> None:
    (told,) = wrong(page, "**Aspect ratio:** 4:3\n**Size:** 1920x1080\n\nAda poles.\n")
    assert "aspect_ratio 4:3 is not that of 1920 x 1080 pixels" in told


@pytest.mark.parametrize("text", ["", "# Only a title\n", "> a note\n", "---\nstyle: ink\n---\n"])
def test_a_page_without_a_sentence_is_wrong(text: str) -> None:
    assert "holds no sentence" in wrong(page, text)[0]


# --- CSV ------------------------------------------------------------------------------------------


def test_rows_are_sentences_whatever_parts_their_cells() -> None:
    draft = table('text;Prompt;characters;seed;duration\n"Ada poles; slowly";a ferry;Ada, Bo;7;3 s\nBo sits.;;;\n')
    assert texts(draft) == ["Ada poles; slowly", "Bo sits."]
    assert dict(draft.sentences[0].given) == {"image_prompt": "a ferry", "characters": ["Ada", "Bo"], "seed": 7}
    assert dict(draft.sentences[1].given) == {}
    assert [note.message for note in draft.notes] == ['"duration" is not read']


def test_all_that_is_wrong_with_a_table_is_told_at_once() -> None:
    assert wrong(table, "prompt\nx\n") == [
        'script.csv:1: has no column "text" (each row is a sentence: text,prompt,characters,seed,name)'
    ]
    told = wrong(table, "text,promt,seed,name,name\nAda,,x,1\n,,7,2\nBo,,3,1,,9\n")
    assert [line.partition(" (")[0] for line in told] == [
        'script.csv:1: a sentence has no "promt"',
        'script.csv:1: two columns are "name"',
        "script.csv:2: seed is 'x'",
        "script.csv:3: a sentence has neither text nor prompt",
        "script.csv:4: this row has 6 cells, the first row 5",
        'script.csv:4: two sentences are called "1"',
    ]


# --- JSON -----------------------------------------------------------------------------------------


def test_a_list_of_texts_and_objects_is_a_script() -> None:
    draft = of_json(["Ada poles.", {"text": "Bo sits.", "seed": None, "characters": "Ada; Bo", "style_lora": None}])
    assert texts(draft) == ["Ada poles.", "Bo sits."]
    assert dict(draft.sentences[1].given) == {"seed": None, "characters": ["Ada", "Bo"], "style_lora": None}


def test_a_lora_may_be_written_as_in_a_manifest() -> None:
    draft = of_json({"characters": [{"name": "Ada", "lora": {"name": "a.safetensors", "strength": 0.5}}, "Bo"],
                     "project": "The Ferry", "sentences": ["x"]})  # fmt: skip
    assert draft.name == "The Ferry" and draft.characters[0].given == {"lora": "a.safetensors:0.5"}


def test_all_that_is_wrong_with_json_is_told_at_once() -> None:
    told = wrong(of_json, {
        "projects": "x",
        "project": {"name": "", "width": 5, "colour": "red"},
        "characters": [{"name": "Ada", "lora": 7}, {"name": "Ada"}, {"lora": "x"}],
        "sentences": [{"text": 7}, {"txt": "x"}, 7, {"text": "x", "seed": 1.5, "references": "a.png, a.png"}],
    })  # fmt: skip
    assert all(line.startswith("script.json:1:") for line in told)
    for words in (
        'unknown key "projects" (did you mean "project"?)', "name is empty", "width is '5'", 'no "colour"',
        "lora is no text", 'two characters are called "Ada"', "a character has no name", 'text is no text (write "7")',
        'a sentence has no "txt" (did you mean "text"?)', "a sentence is an object or a text, not 7", "seed is '1.5'",
        'references has "a.png" twice',
    ):  # fmt: skip
        assert any(words in line for line in told), (words, told)


# --- files ----------------------------------------------------------------------------------------


def test_a_file_that_is_no_script_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes("Où est-elle ?\n".encode("latin-1"))
    (tmp_path / "film.docx").write_bytes(b"PK")
    (tmp_path / "folder.md").mkdir()
    for name, words in {
        "latin.md": "latin.md:1: is not UTF-8 text (save it as UTF-8)",
        "film.docx": "film.docx is no script that can be read",
        "folder.md": "folder.md is a folder",
        "latim.md": 'there is no latim.md (did you mean "latin.md"?)',
    }.items():
        with pytest.raises(WrongInput, match=words.replace("(", r"\(").replace("?", r"\?").replace(")", r"\)")):
            script.read(tmp_path / name, name)
