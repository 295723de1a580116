"""Who acts: specialists, and the models they think with."""

from bailiwick.agents.specialist import Specialist, SpecialistGraph, create_specialist

__all__ = ["Specialist", "SpecialistGraph", "create_specialist"]
