"""gunicorn's threaded worker with one rule more: no thread ever waits for a client.

A thread gets a request when the whole request has arrived, and gives the answer away at once,
whether or not the client reads. A slow client waits in the main loop, where each step has a time
limit; so however many clients are slow, the threads serve the others.

``worker``: the main loop. ``waiting``: the connections that wait in the loop, and how long.
``threads``: what a thread does. ``connection``: one client's bytes. ``arriving``: whether a request
is whole. ``reading``: gunicorn's parsing of a request. ``refusals``: the answers to requests that
never reach the application.
"""
