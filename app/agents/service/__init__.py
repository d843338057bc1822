"""Use-cases of people: teams, skills, agents and what they master."""

from app.agents.service.groups import (
    create_skill,
    create_team,
    delete_skill,
    delete_team,
    list_skills,
    list_teams,
    rename_skill,
    rename_team,
)
from app.agents.service.people import (
    change_agent,
    create_agent,
    create_agent_as,
    describe_me,
    etag_of,
    get_agent,
    list_agents,
    list_facts,
    set_skills,
)

__all__ = [
    "change_agent",
    "create_agent",
    "create_agent_as",
    "create_skill",
    "create_team",
    "delete_skill",
    "delete_team",
    "describe_me",
    "etag_of",
    "get_agent",
    "list_agents",
    "list_facts",
    "list_skills",
    "list_teams",
    "rename_skill",
    "rename_team",
    "set_skills",
]
