// An error and its mend as one line.

export function told({message, hint}) {
  if (!hint) return message;
  const ended = /[.!?:]$/.test(message) ? message : `${message}.`;
  return `${ended} ${hint[0].toUpperCase()}${hint.slice(1)}`;
}
