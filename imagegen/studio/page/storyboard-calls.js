// What the storyboard view asks of the server, for one project.

import {get, path, send} from "./api.js";

export function calls(project) {
  const board = path`/api/storyboards/${project}`;
  const sentence = (id) => path`/api/storyboards/${project}/sentences/${id}`;
  const character = (id) => path`/api/storyboards/${project}/characters/${id}`;
  return {
    board: () => get(board),
    changeBoard: (changes) => send("PATCH", board, changes),
    sentences: (offset, limit) => get(`${board}/sentences`, {query: {offset, limit}}),
    sentence: (id) => get(sentence(id)),
    add: (given) => send("POST", `${board}/sentences`, given),
    change: (id, changes, expected) => send("PATCH", sentence(id), {...changes, expected}),
    remove: (id) => send("DELETE", sentence(id)),
    move: (id, position) => send("POST", `${sentence(id)}/move`, {position}),
    generate: (id) => send("POST", `${sentence(id)}/generate`, {}),
    generateAll: () => send("POST", `${board}/generate`, {}),
    cancel: (id) => send("POST", `${sentence(id)}/cancel`, {}),
    cancelAll: () => send("POST", `${board}/cancel`, {}),
    addCharacter: (given) => send("POST", `${board}/characters`, given),
    changeCharacter: (id, changes) => send("PATCH", character(id), changes),
    removeCharacter: (id) => send("DELETE", character(id)),
  };
}
