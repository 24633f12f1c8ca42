// How the sheet stood when it was left, so that it is found the same way again; and where an image was opened from.

import {to} from "./router.js";

const stands = new Map(); // address of a filtered sheet -> its stand
let latest = {address: to(""), name: "All images"};
let last; // the task of the image that was open last

export function leftAt(address, stand) {
  stands.set(address, stand);
  cameFrom(address, "All images");
}

export function cameFrom(address, name) {
  latest = {address, name};
}

export const standAt = (address) => stands.get(address);

// {address, name} of the view that leads back from an image.
export const wayBack = () => latest;

export function opened(task) {
  last = task;
}

export const lastOpened = () => last;
