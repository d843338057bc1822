"""Use-cases of people: teams, skills, agents and what they master."""

from app.agents.service.groups import (
    change_team,
    create_skill,
    create_team,
    delete_skill,
    delete_team,
    list_known_skills,
    list_known_teams,
    list_leads,
    list_skills,
    list_teams,
    rename_skill,
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
    "change_team",
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
    "list_known_skills",
    "list_known_teams",
    "list_leads",
    "list_skills",
    "list_teams",
    "rename_skill",
    "set_skills",
]
