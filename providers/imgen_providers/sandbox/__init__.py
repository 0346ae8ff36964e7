"""The image services, embedded: the same wire formats, scripted faults, drawn pictures.

Nothing here imports a service file, the catalogue or the client: what the sandbox knows, it knows from
the services' documents, so that one wrong number cannot fool both sides.
"""
