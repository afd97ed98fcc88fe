"""Panels: what a user clicks on in a notebook; controls, and the code that does the same.

They stand on everything else, and are the only home of ipywidgets.
"""
