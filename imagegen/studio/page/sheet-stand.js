// How the sheet stood when it was left, so that it is found the same way again.

import {to} from "./router.js";

const stands = new Map(); // address of a filtered sheet -> its stand
let latest = to("");
let last; // the task of the image that was open last

export function leftAt(address, stand) {
  stands.set(address, stand);
  latest = address;
}

export const standAt = (address) => stands.get(address);

export const sheetAddress = () => latest;

export function opened(task) {
  last = task;
}

export const lastOpened = () => last;
