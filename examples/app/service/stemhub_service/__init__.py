"""What the example's Python services stand on alike: logs, problem documents, the database, passwords."""
