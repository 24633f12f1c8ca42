"""The contact sheet as a folder of static HTML, `imagegen gallery OUT`: it needs no server, and no script to be read."""
