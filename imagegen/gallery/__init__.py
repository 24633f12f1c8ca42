"""The contact sheet as static HTML, `imagegen gallery OUT`: it needs no server, and no script to be read."""
